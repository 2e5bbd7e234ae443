"""What the files of a report are called: after its suites, and after what makes it another than their usual report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reidbench import presets, registry
from reidbench.machine import slug
from reidbench.options import written_options
from reidbench.planning.plan import Plan, Request
from reidbench.reporting.reproduce import asked_of_dataset, trains

USUAL = presets.PRESETS[Request.preset]
PART = "part"
"""What a report of chosen rows is called after, so that it does not replace that of all."""


def report_stem(plan: Plan) -> str:
    """What the names of a suite's report and of its figures begin with: `table2`, `table2-tiny`, `table2-cost`."""
    return several_stem(plan.name, [plan])


def several_stem(name: str, plans: Sequence[Plan]) -> str:
    """The same of a report of several suites under one name."""
    return "-".join((name, *dict.fromkeys(word for plan in plans for word in _words(plan))))


def _words(plan: Plan) -> Iterator[str]:
    """What tells the report from that of the whole suite under the defaults: preset and data where anything is trained,
    then the part that was chosen."""
    kinds = {registry.measurements()[column.measurement].needs_training for column in plan.suite.columns}
    if trains(plan):
        yield from _words_of_training(plan)
    if plan.request.only and len(kinds) > 1:
        yield plan.request.only
    if plan.name in registry.suite_paths() and len(plan.suite.rows) < len(registry.suite(plan.name).rows):
        yield PART


def _words_of_training(plan: Plan) -> Iterator[str]:
    if plan.preset.name != USUAL.name:
        yield plan.preset.name
    if plan.preset.dataset != USUAL.dataset:
        yield plan.preset.dataset
    yield from map(slug, written_options(asked_of_dataset(plan)))
    if plan.request.protocol != Request.protocol:
        yield plan.request.protocol
