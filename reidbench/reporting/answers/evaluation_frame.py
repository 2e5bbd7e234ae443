"""What `bench.py evaluate` recorded of given weights, as a pandas frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reidbench import registry
from reidbench.json_trees import differences
from reidbench.planning.today import TRAINER, as_of_today
from reidbench.reporting.answers.scores import score_values
from reidbench.reporting.tables.dataframe import options_text, others_told, stores
from reidbench.reporting.tables.matching import measured_elsewhere, outdated
from reidbench.spec import EVALUATION, Record
from reidbench.store import Store

if TYPE_CHECKING:
    import pandas as pd

EVALUATION_COLUMNS = (
    *("row", "model", "weights", "weights_hash", "quantity", "unit", "value", "low", "high", "queries"),
    *("dataset", "dataset_options", "dataset_fingerprint", "protocol", "frames", "size", "precision", "device"),
    *("measured", "machine", "state", "reason"),
)


def evaluation_frame(results: str = "results") -> pd.DataFrame:
    """All evaluations under a results folder (`EVALUATION_COLUMNS`), one line an evaluation and accuracy.

    Raises UserError where there are no records at all.
    """
    import pandas as pd

    found = stores(results)
    with others_told(found):
        lines = [line for store in found for line in _lines_of(store)]
    return pd.DataFrame(lines, columns=list(EVALUATION_COLUMNS))


def _lines_of(store: Store) -> Iterator[dict[str, Any]]:
    records = sorted(store.records(EVALUATION), key=lambda record: record.started)
    quantities = registry.measurements()[TRAINER].quantities
    for record in records:
        about = {**_about(record), **_state(record, store.name), "machine": store.name}
        for name, bounds in score_values(record).items():
            yield {**about, "quantity": name, "unit": quantities[name].unit, **bounds}


def _about(record: Record) -> dict[str, Any]:
    settings = record.cell["settings"]
    dataset, recipe = settings["dataset"], settings["recipe"]
    return {
        "row": record.row,
        "model": record.cell["model"],
        "weights": record.context.get("weights", ""),
        "weights_hash": settings["weights"],
        "queries": record.context["queries"],
        "dataset": dataset["name"],
        "dataset_options": options_text(dataset),
        "dataset_fingerprint": dataset["fingerprint"],
        "protocol": settings["protocol"]["name"],
        "frames": recipe["frames"],
        "size": "x".join(map(str, recipe["size"])),
        "precision": recipe["precision"],
        "device": settings["device"],
        "measured": record.started,
    }


def _state(record: Record, folder: str) -> dict[str, str]:
    """By the code of the model and the version of the accuracy; the content of the data stands in a column. The reason
    says, too, on which machine it was measured where that is not the folder's."""
    cell = {**record.cell, "measurement": TRAINER}
    paths = [path for path, *_ in differences(cell, as_of_today(cell, {})) if not path.startswith("settings.dataset")]
    reasons = (outdated(paths) if paths else "", measured_elsewhere(folder, [record]))
    return {"state": "stale" if paths else "ok", "reason": "; ".join(filter(None, reasons))}
