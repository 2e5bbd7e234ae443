"""What the tables of a report show in a few sentences, and how sure that is: computed from the records alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import isnan

from reidbench.doubts import busy, unsteady
from reidbench.program import program
from reidbench.reporting.documents.block import WORDS
from reidbench.reporting.findings.differences import families
from reidbench.reporting.findings.methods import shown_records
from reidbench.reporting.findings.operations import undercounted
from reidbench.reporting.findings.sentences import headlines
from reidbench.reporting.findings.throughputs import ended_at_a_fall
from reidbench.reporting.findings.verdict import Verdict, verdict
from reidbench.reporting.tables.comparison import is_timed
from reidbench.reporting.tables.layout import seeds_text
from reidbench.reporting.tables.table import Heading, Table
from reidbench.spec import Record, Row, canonical_json
from reidbench.statistics import LEVEL

MEASURED = ("ok", "partial", "stale")
"""States of entries with a value."""


def shared_headlines(tables: Sequence[Table]) -> dict[str, list[str]]:
    """By table's name, the few sentences that stand for it in the summary of several; what tables share is said once.

    A verdict from records that an earlier table's verdict rests on too refers to that one.
    """
    given: dict[str, Verdict] = {}
    said: set[str] = set()
    found = {}
    for table in tables:
        name, own = table.plan.name, verdict(table)
        lines = []
        if own:
            earlier = next((pair for pair in given.items() if own.records <= pair[1].records), None)
            lines.append(_same(own, *earlier) if earlier else own.text)
            given.setdefault(name, own)
        lines += [line for line in headlines(table, own) if line not in said]
        said |= set(lines)
        found[name] = lines or [unfound(table)]
    return found


def _same(own: Verdict, table: str, earlier: Verdict) -> str:
    if (own.row, own.against) == (earlier.row, earlier.against):
        return f"The comparison of {own.row} with {own.against} is given under {table}."
    pairs = ((own.row, earlier.row), (own.against, earlier.against))
    same = " and ".join(f"'{mine}' is {theirs}" for mine, theirs in pairs if mine != theirs)
    return f"The row {same} of {table}; the comparison of {earlier.row} with {earlier.against} is given there."


def unfound(table: Table) -> str:
    """What is said of a table whose values show nothing yet."""
    have, of = _measured(table)
    if not have:
        return "Nothing of it is measured here."
    if have == of:
        return f"All {of} cells are measured, and nothing in them is tested."
    return f"{have} of {of} cells are measured: too few to tell rows apart."


def certainty(tables: Sequence[Table]) -> list[str]:
    """How far the numbers of the tables carry: what is measured, how often, and what may be wrong with it."""
    return [
        *_coverage(tables),
        *_repetition(tables),
        *_unmatched(tables),
        *_chance(tables),
        *_sessions(tables),
        *_comparability(tables),
        *_disturbed(tables),
        *_cut(tables),
        *undercounted(tables),
        *_joined(tables),
    ]


def mostly_measured(tables: Sequence[Table]) -> tuple[list[Table], str]:
    """The tables of which at least half of what can be measured on the machine is, and a sentence on the others.

    Tables share cells: one that was never asked for may hold a few values of another.
    """
    kept, others = [], []
    for table in tables:
        have, all_cells = _measured(table)
        if have and 2 * have >= all_cells:
            kept.append(table)
        else:
            measured = f"{have} of {all_cells} cells" if all_cells else "no cell can be measured here"
            others.append(f"{table.plan.name} ({measured})")
    return kept, f"Left out, because less than half of them is measured here: {', '.join(others)}." if others else ""


def _coverage(tables: Sequence[Table]) -> Iterator[str]:
    states = _states(tables)
    reasons = {e.reason for table in tables for e in table.entries.values() if e.state == "absent"}
    words = {**WORDS, "absent": f"absent ({'; '.join(sorted(reasons))})"}
    rest = ", ".join(f"{count} {words.get(state, state)}" for state, count in sorted(states.items()) if state != "ok")
    count, printed = sum(states.values()), sum(1 for table in tables for _ in _asked(table))
    copies = f" ({printed} as printed: {printed - count} are copies of others)" if printed > count else ""
    text = f"Of {count} table cells{copies} {states['ok']} hold a complete and up-to-date value"
    yield f"{text}; {rest}." if rest else f"{text}."


def _repetition(tables: Sequence[Table]) -> Iterator[str]:
    trained = [(table, heading) for table in tables for heading in table.headings if heading.training]
    rows = [(table, records) for table, heading in trained for _, records in table.fresh(heading).values()]
    counts = [len(records) // max(1, len(table.plan.splits.numbers)) for table, records in rows]
    if not counts:
        return
    low, high = min(counts), max(counts)
    many = seeds_text(high) if low == high else f"{low} to {seeds_text(high)}"
    splits = dict.fromkeys(table.plan.splits.text for table, _ in rows if table.plan.splits.count)
    many += f" on {' or '.join(splits)}" if splits else ""
    once = "; how much training itself varies is not known, so that nothing trained is printed in bold"
    settings = [heading.settings for _, heading in trained if "protocol" in heading.settings]
    names = dict.fromkeys(known["protocol"]["name"] for known in settings)
    scored = f" and scored under protocol {' or '.join(names)}" if names else ""
    yield f"Each row was trained with {many}{scored}{once if max(len(records) for _, records in rows) == 1 else ''}."


def _unmatched(tables: Sequence[Table]) -> Iterator[str]:
    """How many queries do not count, where some do not."""
    counts = {
        (record.context["queries_without_match"], record.context["queries"])
        for table in tables
        for heading in table.headings
        for _, records in table.fresh(heading).values()
        for record in records
        if record.context.get("queries_without_match")
    }
    if counts:
        shares = " or ".join(f"{without} of {without + scored}" for without, scored in sorted(counts))
        yield f"{shares} queries have no match under the protocol and do not count."


def _chance(tables: Sequence[Table]) -> Iterator[str]:
    """How many differences would look real if none were; what tables share counts once.

    Left out are those whose intervals lack the noise of training, and those between identical sides.
    """
    told: dict[tuple[str, frozenset[str]], bool] = {}
    left: dict[str, set[tuple[str, frozenset[str]]]] = {}
    for family in (family for table in tables for family in families(table)):
        for each in family.differences:
            place = (family.quantity.title, each.records)
            if each.identical:
                left.setdefault("of identical sides", set()).add(place)
            elif each.bounded and isnan(each.gap.sd):
                left.setdefault("of rows trained once, whose intervals lack the noise of training", set()).add(place)
            elif each.bounded:
                told[place] = each.told
    count, beyond = len(told), sum(told.values())
    out = f"Left out: {', '.join(f'{len(places)} {why}' for why, places in left.items())}." if left else ""
    if count > 1:
        by_chance = f"about {count * (1 - LEVEL):.1f} of the {count} would be beyond it by chance"
        yield (
            f"{beyond} of the {count} differences tested {'is' if beyond == 1 else 'are'} beyond the noise. Each is "
            f"tested at {100 * LEVEL:.0f} %, without correction for their number; if no rows differed, {by_chance}."
            f"{f' {out}' if out else ''}"
        )
    elif not count and out:
        yield f"No difference is tested against all known noise. {out}"


def _sessions(tables: Sequence[Table]) -> Iterator[str]:
    """What the intervals of times cover, by device."""
    shown: dict[str, dict[int, None]] = {}
    noises = {device: noise for table in tables for device, noise in table.noise.items()}
    timed = [(table, h) for table in tables for h in table.headings if is_timed(h.quantity)]
    for estimates, heading in ((table.fresh(heading).values(), heading) for table, heading in timed):
        for reading, _ in estimates:
            if not isnan(reading.low):
                shown.setdefault(str(heading.settings.get("device", "")), {})[reading.n] = None
    for device, counts in shown.items():
        low, high = min(counts), max(counts)
        rounds = f"{low} rounds" if low == high else f"{low} to {high} rounds"
        noise = noises.get(device)
        more = (
            f"those of ratios to the reference row also the {100 * noise.of([1.0]):.1f} % by which such a ratio "
            f"differs between sessions ({program()} calibrate: standard deviation over {noise.freedom + 1:.0f})"
            if noise
            else f"how much sessions differ was not calibrated here ({program()} calibrate), so that no time is bold, "
            "and a ratio that is told from 1 is so within its session"
        )
        yield f"Intervals of times on {device} cover the {rounds} of one session; {more}."


def _comparability(tables: Sequence[Table]) -> Iterator[str]:
    reasons: dict[str, None] = {}
    for table in tables:
        for heading in table.headings:
            if heading.training:
                reasons |= dict.fromkeys(e.incomparable for e in table.column(heading).values() if e.incomparable)
    for reason in reasons:
        yield f"Accuracies are not compared with the published values ({reason}): only the order of the rows is."


def _disturbed(tables: Sequence[Table]) -> Iterator[str]:
    records = {record.key: record for table in tables for record in shown_records(table)}
    loads = [record for record in records.values() if "other_load" in record.context]
    disturbed = [record for record in loads if busy(record)]
    scattered = [record for record in records.values() if unsteady(record)]
    if scattered:
        yield f"The readings of {len(scattered)} of {len(loads)} timings scatter as if something had disturbed them."
    if disturbed:
        yield f"{len(disturbed)} of {len(loads)} timings were taken while other processes kept the machine busy."
    elif loads:
        most = max(record.context["other_load"] for record in loads)
        yield f"While times were taken, other processes used at most {most:.2f} cores."


def _cut(tables: Sequence[Table]) -> Iterator[str]:
    """Throughputs whose best batch may be larger than the largest that was tried."""
    records = {record.key: record for table in tables for record in shown_records(table)}
    if cut := [record for record in records.values() if record.context.get("cut_after")]:
        seconds = f"{max(record.context['cut_after'] for record in cut):g}"
        count, rows = _counted(cut)
        yield f"Of {count} no larger batch was tried, as {seconds} s of readings were over: {rows}."
    if fallen := [record for record in records.values() if ended_at_a_fall(record)]:
        count, rows = _counted(fallen)
        yield f"The search for the best batch of {count} ended where the rate fell: {rows}."


def _counted(throughputs: Sequence[Record]) -> tuple[str, str]:
    """How many they are, and of which rows."""
    count = f"{len(throughputs)} throughput{'' if len(throughputs) == 1 else 's'}"
    return count, ", ".join(dict.fromkeys(record.row for record in throughputs))


def _joined(tables: Sequence[Table]) -> Iterator[str]:
    warnings = sum(len(table.warnings) for table in tables)
    if warnings:
        remarks = f"{warnings} remark{'' if warnings == 1 else 's'}"
        yield f"Some columns join values that were not measured alike; they are listed with their table ({remarks})."
    torch = {record.versions.get("torch", "") for table in tables for record in shown_records(table)}
    if len(torch) > 1:
        yield f"The records come from {len(torch)} versions of torch: {', '.join(sorted(torch))}."


def _measured(table: Table) -> tuple[int, int]:
    """How many entries of a table have a value, and how many can have one here."""
    states = _states([table])
    return sum(states[state] for state in MEASURED), sum(states.values()) - states["absent"]


def _states(tables: Sequence[Table]) -> Counter[str]:
    """How many entries there are in each state, without those that nothing was ever to be measured for.

    An entry that tables share counts once.
    """
    states = {}
    for table in tables:
        for row, heading in _asked(table):
            place = (heading.column.quantity, _what_fills(table, row, heading))
            states[place] = table.entries[row.name, heading.index].state
    return Counter(states.values())


def _asked(table: Table) -> Iterator[tuple[Row, Heading]]:
    """The places of a table that something is to be measured for."""
    for heading in table.headings:
        for row in table.plan.suite.rows:
            entry = table.entries[row.name, heading.index]
            if entry.state == "ok" or (entry.reason and entry.state != "published"):
                yield row, heading


def _what_fills(table: Table, row: Row, heading: Heading) -> str:
    """What two entries of one quantity have in common if they are the same."""
    cells = table.plan.cells.get((row.name, heading.index), ())
    column = heading.column
    wanted = [row.model, row.options, row.frames, column.settings, column.dataset, column.data]
    return canonical_json([cell.key for cell in cells] or wanted)
