"""The differences that reports test, as a pandas frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reidbench import registry
from reidbench.planning.recorded import recorded_plan
from reidbench.reporting.findings.differences import Family, families
from reidbench.reporting.findings.elsewhere import reports_of
from reidbench.reporting.tables.dataframe import others_told, stores
from reidbench.reporting.tables.matching import Records, measured_elsewhere
from reidbench.reporting.tables.table import Table, assemble, shared
from reidbench.spec import Suite
from reidbench.store import Store

if TYPE_CHECKING:
    import pandas as pd

DIFFERENCE_COLUMNS = (
    *("suite", "family", "name", "measurement", "quantity", "unit", "value", "low", "high", "n", "beyond"),
    *("preset", "dataset", "dataset_fingerprint", "protocol", "device", "machine", "reason"),
)


def difference_frame(suite: str, results: str = "results") -> pd.DataFrame:
    """The differences of all reports of a suite, or of each of a collection, that there can be, as `load_differences`
    says: `DIFFERENCE_COLUMNS`.

    The machines' lines stand one after the other, of each those of its usual report first. Raises UserError where there
    are no records at all.
    """
    import pandas as pd

    suites = registry.suites_of(suite)
    found = stores(results)
    recorded = [(store, Records(store)) for store in found]
    with others_told(found):
        lines = [
            {"suite": name, **line, "machine": store.name}
            for name, each in suites.items()
            for store, records in recorded
            for line in _lines_of(name, each, store, records)
        ]
    return pd.DataFrame(lines, columns=list(DIFFERENCE_COLUMNS))


def _lines_of(name: str, suite: Suite, store: Store, records: Records) -> Iterator[dict[str, Any]]:
    for request in reports_of(suite, store):
        table = assemble(recorded_plan(name, suite, request, store, records.holds), store, records)
        trained = [heading.settings for heading in table.headings if heading.training and table.fresh(heading)]
        settings = shared(trained) if trained else {}
        for family in families(table):
            about = {
                "preset": request.preset,
                "dataset": request.dataset,
                "dataset_fingerprint": settings.get("dataset", {}).get("fingerprint", ""),
                "protocol": request.protocol,
                "device": settings.get("device", ""),
            }
            yield from ({**line, **about} for line in _lines(table, family))


def _lines(table: Table, family: Family) -> Iterator[dict[str, Any]]:
    recorded = {record.key: record for entry in table.entries.values() for record in entry.records}
    column = next(heading.column for heading in table.headings if heading.quantity is family.quantity)
    scale = family.quantity.scale
    for each in family.differences:
        yield {
            "family": family.name,
            "name": each.name,
            "measurement": column.measurement,
            "quantity": column.field,
            "unit": family.unit,
            "value": each.gap.value * scale,
            "low": each.gap.low * scale,
            "high": each.gap.high * scale,
            "n": each.gap.n,
            "beyond": each.told,
            "reason": measured_elsewhere(table.machine, (r for key, r in recorded.items() if key in each.records)),
        }
