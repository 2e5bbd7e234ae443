"""What the row in focus takes for a frame when many clips come at once, relative to the reference row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from reidbench.doubts import LARGEST, fell
from reidbench.measurements.costs import BATCH
from reidbench.reporting.findings.verdict import ratio_text, short_name
from reidbench.reporting.tables.matching import session_of
from reidbench.reporting.tables.table import Heading, Table
from reidbench.scatter import on_device
from reidbench.spec import Quantity, Record
from reidbench.statistics import Estimate, ratio_interval

THROUGHPUT = "throughput.throughput"

RATIO = Quantity("Time per frame, ratio", "x", "lower", 2)


def throughput_findings(table: Table) -> Iterator[str]:
    """The time per frame, each row at its own best batch, by what ran them; none where no row is in focus."""
    suite = table.plan.suite
    told = {heading.index: text for heading in table.headings if (text := _text(table, heading))}
    if told:
        what = f"{short_name(suite.focus, suite)} over {short_name(suite.reference, suite)}"
        best = (_best_batches(_in_turns(table, heading)) for heading in table.headings if heading.index in told)
        at_once = "" if any(set(batches) == {1} for batches in best) else " of many clips at once"
        yield f"{what}, time per frame{at_once}, each at its best batch: {'; '.join(told.values())}."


def ratios_by_batch(table: Table, heading: Heading) -> dict[int, float]:
    """The ratio at each number of clips that both rows were tried at, by the last reading of each.

    Those were taken in turns; the ones before warmed up. Empty for a column of something else, and where the rows did
    not take turns.
    """
    times = [_by_batch(record) for record in _in_turns(table, heading)]
    if not times:
        return {}
    own, reference = times
    return {batch: own[batch][-1] / reference[batch][-1] for batch in own if batch in reference}


def ended_at_a_fall(record: Record) -> int:
    """The batch at which the search for a record's best one ended, as the rate fell there and had not before; else 0.

    So ended that of older records alone: it goes on there now, unless that takes too long, which the record says, as
    it does what else ended it for good.
    """
    times = _by_batch(record)
    falls = [fell(*pair) for pair in pairwise(batch / min(readings) for batch, readings in times.items())]
    ended = any(record.context.get(why) for why in ("out_of_memory_at", "ended_by", "cut_after"))
    ended |= max(times, default=0) >= LARGEST
    return max(times) if falls[-2:] in ([True], [False, True]) and not ended else 0


def ratio_at_best(table: Table, heading: Heading) -> tuple[Estimate, list[int]] | None:
    """The ratio of the times per frame, the row in focus over the reference row, each at its own best batch, and these
    two numbers of clips. None as for `ratios_by_batch`.

    Its interval also covers how sessions differ, and is NaN where that is not known: six readings in a row say little.
    """
    records = _in_turns(table, heading)
    rates = [record.samples.get(heading.quantity.sample, []) for record in records]
    if not rates or len(rates[0]) != len(rates[1]) or not rates[0]:
        return None
    ratio, noise = ratio_interval(rates[1], rates[0]), on_device(table.noise, heading.settings)
    return noise.covered(ratio) if noise else Estimate(ratio.value), _best_batches(records)


def _text(table: Table, heading: Heading) -> str:
    found = ratio_at_best(table, heading)
    if found is None:
        return ""
    ratio, batches = found
    clips = "one clip each" if set(batches) == {1} else f"{' and '.join(map(str, batches))} clips"
    where = f"{ratio_text(RATIO, ratio)} on {', '.join(heading.ran_on)} ({clips}"
    by_batch = ratios_by_batch(table, heading)
    slower = [batch for batch, found in by_batch.items() if found >= 1]
    pays = [batch for batch in by_batch if batch > max(slower, default=0)]
    return f"{where}; below 1 from {min(pays)} on)" if slower and pays else f"{where})"


def _best_batches(records: Iterable[Record]) -> list[int]:
    """The number of clips at which each row was fastest."""
    return [round(record.values["batch"]) for record in records if "batch" in record.values]


def _in_turns(table: Table, heading: Heading) -> list[Record]:
    """The records of the row in focus and of the reference row, where these took turns: else nothing pairs them."""
    rows, suite = table.fresh(heading), table.plan.suite
    if heading.column.quantity != THROUGHPUT or suite.focus == suite.reference:
        return []
    found = [rows[name][1][0] for name in (suite.focus, suite.reference) if name in rows]
    return found if len(found) == 2 and session_of(found[0]) == session_of(found[1]) else []


def _by_batch(record: Record) -> dict[int, list[float]]:
    """By the number of clips in a batch, in ascending order, the seconds of its readings."""
    named = ((name, readings) for name, readings in record.samples.items() if name.startswith(BATCH))
    return dict(sorted((int(name.removeprefix(BATCH)), readings) for name, readings in named))
