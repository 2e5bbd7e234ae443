"""What the audit found, in sentences computed from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from reidbench import registry
from reidbench.audit.assembly import NAME, Audit
from reidbench.audit.rules import ABOUT, AFTERTHOUGHTS, Rule, decimals, gap, label
from reidbench.audit.verdicts import Judgement, Printed, Reading, Step, Verdict
from reidbench.program import beginning

COMMAND = " ".join((*beginning(), NAME))
COLUMNS = {"gflops": "GFLOPs", "params": "Param."}
"""What the paper calls the columns."""

UNITS = {"gflops": "G", "params": "M"}
DEFAULTS = (
    "Unless it is said otherwise, a multiply-accumulate is one operation, prefixes are decimal, the network is the "
    "release's, TKS is counted by the frame as all else is and pools to 4x2 regions after any stage, and a clip has "
    "the fewest whole groups that make 8 frames or more."
)


def headlines(audit: Audit) -> Iterator[str]:
    """The summary: how many cells are explained by what, and what the paper says against itself."""
    if len(audit.records) < audit.wanted:
        yield (
            f"Only {len(audit.records)} of {audit.wanted} networks are counted: a verdict may change. {COMMAND} counts "
            "the others."
        )
    explained = sum(one.explained for one in audit.judgements)
    matched = sum(one.matched for one in audit.judgements)
    rests = "; this rests on readings that were made after the printed values were seen" if any(_reread(audit)) else ""
    yield (
        f"Of {audit.cells} printed costs {explained} follow one of "
        f"{sum(len(one.steps) for one in audit.judgements)} rules, {matched - explained} more are reproduced "
        f"by some rule as chance could have it, {audit.cells - matched} by none{rests}."
    )
    yield from afterthoughts(audit)
    for one in audit.judgements:
        for number, step in enumerate(one.steps[:1], 1):
            yield (
                f"{COLUMNS[one.key]}: one rule reproduces {step.total} of {len(one.verdicts)} cells "
                f"({name(one, number)}: {sentence(step)}). If the printed values were random, the best single rule "
                f"would reproduce {one.chance[1]:.1f} of the cells, and all rules together {one.chance[0]:.1f}."
            )
    # A cell that several pairs of others put elsewhere is one place.
    bent = {(found.cells[1].suite, found.cells[1].row.name, found.cells[1].key) for found in audit.bent}
    count = len(audit.two_values) + len(bent) + len(audit.reversed)
    yield f"The tables contradict themselves in {count} place{'' if count == 1 else 's'}, whatever was counted."


def contradictions(audit: Audit) -> Iterator[str]:
    """Each contradiction with the numbers that make it one."""
    for two in audit.two_values:
        values = " and ".join(f"{text} in {_places(where)}" for text, where in two.places.items())
        yield f"One network, two values of {COLUMNS.get(two.key, two.key)}: {values} ({two.because})."
    for bent in audit.bent:
        first, second, third = bent.cells
        expected = " and ".join(
            f"{float(low):.3f} to {float(high):.3f} if {rounding}" for rounding, (low, high) in bent.expected.items()
        )
        yield (
            f"{table_name(second.suite)}: whatever big and small frames cost, a mixture costs in proportion to its "
            f"shares of them. {first.row.name} ({first.text}) and {third.row.name} ({third.text}) put "
            f"{second.row.name} at {expected}; printed is {second.text}."
        )
    for turned in audit.reversed:
        others = ", ".join(f"{table_name(other.suite)} {other.row.name} ({other.text})" for other in turned.below)
        yield (
            f"{table_name(turned.cell.suite)}: {turned.cell.row.name} is printed with {turned.cell.text} "
            f"{COLUMNS[turned.cell.key]}, less than {others}; all {turned.rules} ways of counting give it more."
        )


def explanation(judgement: Judgement) -> Iterator[str]:
    total = len(judgement.verdicts)
    for number, step in enumerate(judgement.steps, 1):
        before = "" if number == 1 else f", {len(step.gained)} of them not by the rules before it"
        yield (
            f"{name(judgement, number)}, {COLUMNS[judgement.key]}: {sentence(step)}. It reproduces {step.total} "
            f"of {total} cells{before}. {_luck(step)}"
        )
    if judgement.refused:
        step = judgement.refused
        yield (
            f"{COLUMNS[judgement.key]}, no explanation: {sentence(step)}. It reproduces {len(step.gained)} of "
            f"the cells left, {_list(step)}. {_luck(step)}"
        )


def sentence(step: Step) -> str:
    """The rule in words, without `DEFAULTS` and what makes no difference to the cells it explains."""
    rule = step.rule
    usual = Rule(rule.key, rule.counted)
    branches = any("small" in registry.models()[cell.row.model].options for cell in step.gained)
    always = ("counted", "rounding", *(("variant",) if branches and rule.key == "gflops" else ()))
    parts = [part for part in ABOUT if part in always or getattr(rule, part) != getattr(usual, part)]
    return "; ".join(part_text(rule.key, part, getattr(rule, part)) for part in parts)


def part_text(key: str, part: str, level: str) -> str:
    """A part of a rule in words; for parameters without what only operations know, which stands behind a comma."""
    words = ABOUT[part][level]
    return words.partition(",")[0] if key == "params" else words


def _luck(step: Step) -> str:
    ties = f"{step.ties} other rules do as well" if step.ties != 1 else "1 other rule does as well"
    draws = "none" if step.luck == 0 else f"{step.luck:.1%}"
    return f"By chance as many: {draws} of the draws; {ties}."


def _list(step: Step) -> str:
    return ", ".join(f"{table_name(cell.suite)} {cell.row.name} ({cell.text})" for cell in step.gained)


def afterthoughts(audit: Audit) -> Iterator[str]:
    """What stays of the explanation without the rules that were made with the printed values in mind."""
    readings = " and ".join(f'"{ABOUT[part][level]}"' for part, level in AFTERTHOUGHTS.items())
    for full, rest in _reread(audit):
        best = max((*rest.steps, *([rest.refused] if rest.refused else [])), key=lambda step: step.total, default=None)
        if best:
            yield (
                f"The readings {readings} were thought of after Tables 5 and 6 had been seen. Without them all rules "
                f"together reproduce {rest.matched} instead of {full.matched} of {len(full.verdicts)} "
                f"{COLUMNS[full.key]} cells, and the best one {best.total} ({label(best.rule)}; {best.luck:.1%} of the "
                f"draws do as well); {len(rest.steps) or 'none'} would be called an explanation."
            )


def _reread(audit: Audit) -> Iterator[tuple[Judgement, Judgement]]:
    """The judgements that would be others without those rules, each with the one without."""
    for full, rest in zip(audit.judgements, audit.without, strict=True):
        if (full.explained, full.matched) != (rest.explained, rest.matched):
            yield full, rest


def unexplained(audit: Audit) -> Iterator[str]:
    """The cells without an explanation, by how much the first rule misses each, and what would mend them together."""
    for one in audit.judgements:
        told: dict[str, list[str]] = {}
        for verdict in one.verdicts:
            if verdict.shown and not verdict.step:
                told.setdefault(_miss(audit, one, verdict, verdict.shown), []).append(_cell(verdict.printed))
        yield from (f"{', '.join(cells)}: {text}." for text, cells in told.items())
        if one.key in audit.offsets:
            low, high = audit.offsets[one.key]
            yield (
                f"One constant, {float(low):+z.4f} to {float(high):+z.4f} {UNITS[one.key]}, added to what "
                f"{name(one, 1)} gives for every network with a temporal block, would reproduce all of these."
            )


def _miss(audit: Audit, judgement: Judgement, verdict: Verdict, shown: Reading) -> str:
    cell = verdict.printed
    ours = audit.first.get((cell.suite, cell.row.name, cell.key))
    parts = [f"{COLUMNS[cell.key]} {cell.text}"]
    if ours is not None:
        away = gap(ours, cell.text, judgement.steps[0].rule.rounding)
        parts.append(f"{name(judgement, 1)} gives {_number(ours, cell)}, {_signed(away, cell)} off")
    rule = label(shown.rule, cell.row)
    if verdict.matching:
        parts.append(f"the rule ({rule}) reproduces it, as chance could have it")
    else:
        parts.append(f"the nearest of {verdict.tried} rules ({rule}) misses by {_signed(shown.gap, cell)}")
    return "; ".join(parts)


def _cell(cell: Printed) -> str:
    return f"{table_name(cell.suite)} {cell.row.name}"


def _number(number: Fraction, cell: Printed) -> str:
    return f"{float(number):.{decimals(cell.text) + 2}f}"


def _signed(number: Fraction, cell: Printed) -> str:
    return f"{float(number):+z.{decimals(cell.text) + 2}f}"


def name(judgement: Judgement, number: int) -> str:
    """The name of an explaining rule: G1, P1, ..."""
    return f"{COLUMNS[judgement.key][0]}{number}"


def table_name(suite: str) -> str:
    """`table2` as the paper writes it."""
    return f"Table {suite.removeprefix('table')}"


def _places(places: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{table_name(suite)} ({row})" for suite, row in places)
