"""The audit as a whole: the networks it needs as an ordinary suite, and what their records say. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reidbench import registry
from reidbench.audit.contradictions import Bent, Reversed, TwoValues, bent_lines, reversed_orders, two_values
from reidbench.audit.disagreements import Disagreement, disagreements
from reidbench.audit.rules import AFTERTHOUGHTS, Rule, terms
from reidbench.audit.verdicts import Counts, Judgement, Printed, Readings, common_offset, judge, networks, printed_costs
from reidbench.planning.plan import Plan, Request, make_plan
from reidbench.spec import Column, Record, Suite
from reidbench.store import Store

NAME = "audit"
TITLE = "Audit of the printed costs"
SOURCE = "Hou et al., BiCnet-TKS, CVPR 2021, Tables 2 to 6"
TABLES = ("table2", "table3", "table4", "table5", "table6")
"""The suites whose printed costs are audited."""


@dataclass(frozen=True)
class Audit:
    """What the audit found on one machine.

    `without` judges the same cells without the rules that were thought of after seeing them (`AFTERTHOUGHTS`). `first`
    holds the value of each cell, by (suite, row, key), under the first rule of its key. `offsets` holds, by key, the
    constant (from, up to) that would mend all rows with a temporal block under that rule, where there is one but 0.
    `records` are those of the networks counted, `wanted` the number of all.
    """

    judgements: tuple[Judgement, ...]
    without: tuple[Judgement, ...]
    first: Mapping[tuple[str, str, str], Fraction]
    offsets: Mapping[str, tuple[Fraction, Fraction]]
    two_values: tuple[TwoValues, ...]
    bent: tuple[Bent, ...]
    reversed: tuple[Reversed, ...]
    disagreements: tuple[Disagreement, ...]
    records: tuple[Record, ...]
    wanted: int

    @property
    def cells(self) -> int:
        return sum(len(judgement.verdicts) for judgement in self.judgements)

    @property
    def mostly_counted(self) -> bool:
        """Whether at least half of the networks are counted, below which verdicts say little."""
        return 2 * len(self.records) >= self.wanted


def audited_suites() -> dict[str, Suite]:
    return {name: registry.suite(name) for name in TABLES}


def audit_suite(suites: Mapping[str, Suite]) -> Suite:
    """The networks that some rule needs, as the rows of a suite whose only column is their complexity."""
    rows = networks(printed_costs(suites))
    return Suite(
        title=TITLE,
        source=SOURCE,
        rows=rows,
        columns=(Column("complexity.macs"),),
        reference=rows[0].name,
        figures=(),
    )


def plan_audit(suites: Mapping[str, Suite], store: Store) -> Plan:
    return make_plan(NAME, audit_suite(suites), Request(), store)


def carry_out(suites: Mapping[str, Suite], store: Store) -> Audit:
    """The audit of the suites from what the store has of the networks they need."""
    plan = plan_audit(suites, store)
    found = {row: store.load(cells[0]) for (row, _), cells in plan.cells.items()}
    records = {row: record for row, record in found.items() if record and record.status == "ok"}
    counts: Counts = {row: record.values for row, record in records.items()}
    cells = printed_costs(suites)
    readings = [Readings(cell, counts) for cell in cells]
    judgements = tuple(judge(readings))
    own = {row.name: None for cell in cells for _, row in terms(cell.row, Rule(cell.key, "")) or ()}
    return Audit(
        judgements=judgements,
        without=tuple(judge(readings, leave_out=AFTERTHOUGHTS)),
        first=_under_first(judgements, readings),
        offsets=_offsets(judgements, readings),
        two_values=tuple(two_values(suites)),
        bent=tuple(bent_lines(cells)),
        reversed=tuple(reversed_orders(readings)),
        disagreements=tuple(disagreements(records[name].context for name in own if name in records)),
        records=tuple(records.values()),
        wanted=len(plan.cells),
    )


def _under_first(judgements: Sequence[Judgement], cells: Sequence[Readings]) -> dict[tuple[str, str, str], Fraction]:
    first = {judgement.key: judgement.steps[0].rule for judgement in judgements if judgement.steps}
    found = {}
    for read in cells:
        cell = read.cell
        if cell.key in first and first[cell.key] in read.value:
            found[cell.suite, cell.row.name, cell.key] = read.value[first[cell.key]]
    return found


def _offsets(judgements: Sequence[Judgement], cells: Sequence[Readings]) -> dict[str, tuple[Fraction, Fraction]]:
    found = {}
    for judgement in judgements:
        temporal = [read for read in cells if read.cell.key == judgement.key and _has_temporal_block(read.cell)]
        offset = common_offset(judgement.steps[0].rule, temporal) if judgement.steps else None
        if offset and not offset[0] <= 0 < offset[1]:
            found[judgement.key] = offset
    return found


def _has_temporal_block(cell: Printed) -> bool:
    return registry.resolve_options(cell.row.model, cell.row.options).get("temporal", "none") != "none"
