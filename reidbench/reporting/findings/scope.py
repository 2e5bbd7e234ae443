"""What stands at the head of a report on all that was trained: on which data, how often, and how far that carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reidbench.data.lookalikes import SYNTHETIC
from reidbench.reporting.tables.layout import is_measured, repeats_text
from reidbench.reporting.tables.table import Heading, Table
from reidbench.spec import PAPER_SIZE

FAVOURED = {"tks": "temporal kernels (TKS)"}
"""Parts of networks that a preset's recipe may let learn faster than the rest (`recipes.Recipe.rates`), in words."""

SEE = ": see Training and data"
"""Where a report has more on the training settings."""


def scope(tables: Sequence[Table]) -> Iterator[str]:
    """The sentences, each true of all tables together; none where nothing is trained, or only costs are measured."""
    trained = [(table, heading) for table in tables for heading in table.headings if heading.training]
    shown = [(table, heading) for table, heading in trained if is_measured(table.column(heading).values())]
    measured = {h.training for table in tables for h in table.headings if has_values(table, h)}
    if not shown or measured == {False}:
        return
    runs: dict[str, dict[str, None]] = {}
    for table, heading in shown:
        what = f"{_data(table, heading)}, preset {table.plan.preset.name}"
        runs.setdefault(what, {})[repeats_text(table.plan)] = None
    told = "; ".join(f"{what}, {' or '.join(repeats)}" for what, repeats in runs.items())
    yield f"Networks were trained and tested on {told}."
    if any(dataset_name(table, heading) == SYNTHETIC for table, heading in shown):
        yield "Their accuracies do not stand for those on a real dataset, nor does their order."
    rates = {name: factor for table, _ in shown for name, factor in table.plan.preset.recipe.rates.items()}
    if faster := [text for name, text in FAVOURED.items() if rates.get(name, 1) > 1]:
        yield f"The training settings favour networks with {' and '.join(faster)}{SEE}."
    if any(not h.training and is_measured(t.column(h).values()) for t in tables for h in t.headings):
        yield f"Costs are those at the paper's scale, {_pixels(PAPER_SIZE)}."


def has_values(table: Table, heading: Heading) -> bool:
    """Whether a column has a value in any row, whatever its state."""
    return any(entry.estimate for entry in table.column(heading).values())


def dataset_name(table: Table, heading: Heading) -> str:
    """That of the dataset which the rows of a column are trained on."""
    return str(heading.settings.get("dataset", {}).get("name", table.plan.preset.dataset))


def _data(table: Table, heading: Heading) -> str:
    name, settings = dataset_name(table, heading), heading.settings
    size = settings.get("recipe", {}).get("size", table.plan.preset.recipe.size)
    subset = "a subset of " if settings.get("dataset", {}).get("subset") else ""
    if name == SYNTHETIC:
        return f"synthetic data (rendered walkers, {_pixels(size)})"
    return f"{subset}{name} ({_pixels(size)})"


def _pixels(size: Sequence[int]) -> str:
    return "x".join(map(str, size)) + " pixels"
