"""How long one row takes beside another on every machine that has records, whatever ran it there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

from reidbench import registry
from reidbench.audit.rules import last_digit
from reidbench.planning.plan import Request
from reidbench.planning.recorded import recorded_plan
from reidbench.reporting.findings.methods import doubts
from reidbench.reporting.findings.throughputs import THROUGHPUT, ratio_at_best
from reidbench.reporting.findings.verdict import ratio_text, short_name
from reidbench.reporting.tables.matching import Records
from reidbench.reporting.tables.table import Table, assemble, heading_of, over_reference
from reidbench.spec import Column, Quantity, Row, Suite, canonical_json
from reidbench.statistics import Estimate
from reidbench.store import Store

TIME, RATIO, MACS = "latency.per_frame", "latency.ratio", "complexity.macs"
MILLISECONDS = "latency_ms"
"""Under this key rows hold the published time of one clip."""

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Way:
    """One way in which two rows were run on a machine: device, precision and backend.

    `times` are the seconds of a frame, one clip at a time: the reference row, the row; `ratio` is theirs. `at_once` is
    the ratio where each computes as many clips at once as suit it best, `clips` how many. What was not measured is None
    or empty. `doubts` and `doubts_at_once` say why the times of one clip, and those of many, are in doubt.
    """

    ran_on: tuple[str, ...]
    ratio: Estimate | None = None
    times: tuple[Estimate, ...] = ()
    at_once: Estimate | None = None
    clips: tuple[int, ...] = ()
    doubts: tuple[str, ...] = ()
    doubts_at_once: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """A machine: the name of its folder, the content of its machine.json, and the ways in which both rows were run.

    `remarks` say what of its records does not belong together, or to it.
    """

    name: str
    machine: Mapping[str, Any]
    ways: tuple[Way, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishedTimes:
    """The milliseconds of a clip as printed, the reference row's and the row's, and where; their ratio as far as the
    digits printed tell it."""

    texts: tuple[str, str]
    source: str
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A suite's row in focus beside its reference row, by their short names, on several machines.

    `share` is its part of the reference row's MACs, where these are counted.
    """

    row: str
    reference: str
    places: tuple[Place, ...]
    share: float | None
    published: PublishedTimes | None


def compare_machines(name: str, suite: Suite, stores: Sequence[Store]) -> Comparison:
    """Gathers what the machines have recorded of a suite's row in focus and its reference row, for whatever suite.

    What is out of date is left out, and so is a machine that has nothing of both.
    """
    suites = _same_pair(name, suite)
    share, places = None, []
    for store in stores:
        tables = list(_tables(suites, store))
        shares = (over_reference(t, heading_of(t, MACS)).get(t.plan.suite.focus) for t in tables)
        share = next((found for found in (share, *shares) if found is not None), None)
        if ways := tuple(_ways(tables)):
            remarks = tuple(dict.fromkeys(warning for table in tables for warning in table.warnings))
            places.append(Place(store.name, store.machine(), ways, remarks))
    published = next((found for one in suites.values() if (found := _published(one))), None)
    row, reference = (short_name(one, suite) for one in (suite.focus, suite.reference))
    return Comparison(row, reference, tuple(places), share, published)


def title(found: Comparison) -> str:
    return f"{found.row} beside {found.reference}, machine by machine"


def ratio_quantity() -> Quantity:
    """That of the times of one clip, which those of many are shown as, too."""
    return registry.measurements()["latency"].quantities["ratio"]


def _same_pair(name: str, suite: Suite) -> dict[str, Suite]:
    """The suites that compare the same two networks, the given one first, with these rows and their costs alone."""
    chosen, reference = (
        network(row) for one in (suite.focus, suite.reference) for row in suite.rows if row.name == one
    )
    others = {key: one for path in registry.suite_paths() for key, one in registry.suites_of(path).items()}
    others.pop(name, None)
    found = {}
    for key, one in {name: suite, **others}.items():
        alike = [row for row in one.rows if row.model and network(row) == chosen]
        focus = next((row for row in alike if row.name == suite.focus), alike[0] if alike else None)
        first = next((row for row in one.rows if row.name == one.reference and network(row) == reference), None)
        columns = tuple(_costs(one.columns))
        if focus and first and columns:
            found[key] = replace(one, rows=(first, focus), columns=columns, focus=focus.name, figures=(), contrasts=())
    return found


def _costs(columns: Sequence[Column]) -> Iterator[Column]:
    """Those of a suite's columns that are looked at; a ratio of times with the times themselves."""
    for column in columns:
        if column.quantity == RATIO:
            yield Column(TIME, settings=column.settings)
        if column.quantity in (RATIO, THROUGHPUT, MACS):
            yield column


def network(row: Row) -> str:
    """What two rows have alike that are the same network on the same clips; "" of one without a model."""
    if not row.model:
        return ""
    return canonical_json([row.model, registry.resolve_options(row.model, row.options), row.frames])


def _tables(suites: Mapping[str, Suite], store: Store) -> Iterator[Table]:
    records = Records(store)
    for name, suite in suites.items():
        for device in DEVICES:
            asked = Request(only="cost", device=device)
            yield assemble(recorded_plan(name, suite, asked, store, records.holds), store, records)


def _ways(tables: Sequence[Table]) -> Iterator[Way]:
    """In the order in which the suites list them, each once."""
    found: dict[tuple[str, ...], Way] = {}
    for table in tables:
        focus, reference = table.plan.suite.focus, table.plan.suite.reference
        for heading in table.headings:
            rows = table.fresh(heading)
            way = found.get(tuple(heading.ran_on), Way(tuple(heading.ran_on)))
            said = tuple(doubts(table, [heading]))
            if heading.column.quantity == RATIO and focus in rows and way.ratio is None:
                way = replace(way, ratio=rows[focus][0], doubts=_joined(way.doubts, said))
            elif heading.column.quantity == TIME and {focus, reference} <= rows.keys() and not way.times:
                times = rows[reference][0], rows[focus][0]
                way = replace(way, times=times, doubts=_joined(way.doubts, said))
            elif way.at_once is None and (best := ratio_at_best(table, heading)):
                way = replace(way, at_once=best[0], clips=tuple(reversed(best[1])), doubts_at_once=said)
            found[way.ran_on] = way
    yield from (way for way in found.values() if way.ratio or way.at_once)


def _joined(before: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*before, *more]))


def _published(suite: Suite) -> PublishedTimes | None:
    """What is printed of a suite's two rows; None where that is no number."""
    known = [row.publication(MILLISECONDS) for row in suite.rows]
    texts = [each.values[MILLISECONDS] for each in known if each]
    if len(texts) < 2 or not all(re.fullmatch(r"\d+(\.\d+)?", text) and _rounded_to(text)[0] > 0 for text in texts):
        return None
    (low, high), (least, most) = (_rounded_to(text) for text in texts)
    return PublishedTimes((texts[0], texts[1]), suite.source, least / high, most / low)


def _rounded_to(text: str) -> tuple[float, float]:
    """The ends of what is printed so where it is rounded."""
    half = float(last_digit(text)) / 2
    return float(text) - half, float(text) + half


def headlines(found: Comparison) -> Iterator[str]:
    """What the machines say together, one sentence a finding; of times that are in doubt no more than that."""
    ways = [(place, way) for place in found.places for way in place.ways]
    whats = {
        "One clip at a time": [(place, way, way.ratio) for place, way in ways if way.ratio and not way.doubts],
        "Many clips at once, each row at its best batch": [
            (place, way, way.at_once) for place, way in ways if way.at_once and not way.doubts_at_once
        ],
    }
    for what, ratios in whats.items():
        if ratios:
            yield f"{what}: {_extremes(found, ratios)}."
    if found.share is not None:
        share = f"{found.row} has {found.share:.2f}x {found.reference}'s multiply-accumulates"
        yield f"{share}: {_reached(found.share, whats)}."
    if (printed := found.published) and any(way.ratio for _, way in ways):
        first, second = printed.texts
        inside = {place.name: _within(place, printed) for place in found.places}
        named = "; ".join(f"on {name} by {' / '.join(among)}" for name, among in inside.items() if among)
        yield (
            f"Published ({printed.source}): {first} and {second} ms of one clip, by their digits a ratio of "
            f"{printed.low:.2f} to {printed.high:.2f}. "
            f"{f'One clip here lies within it {named}' if named else 'No ratio of one clip here lies within it'}."
        )
    if left := [f"{what} by {_where(place, way)}" for place, way in ways for what in _in_doubt(way)]:
        yield f"Left out of all this, as the remarks put it in doubt: {'; '.join(left)}."


def _extremes(found: Comparison, ratios: Sequence[tuple[Place, Way, Estimate]]) -> str:
    """In how many ways the row takes less time, and the least and the most that it takes."""
    less = sum((ratio.value if isnan(ratio.high) else ratio.high) < 1 for *_, ratio in ratios)
    ends = [pick(ratios, key=lambda each: each[2].value) for pick in (min, max)]
    told = dict.fromkeys(f"{ratio_text(ratio_quantity(), ratio)} ({_where(place, way)})" for place, way, ratio in ends)
    if len(ratios) == 1:
        return f"{found.row} over {found.reference}, in the only way measured, {''.join(told)}"
    how = "each" if less == len(ratios) else str(less)
    return (
        f"{found.row} takes less time than {found.reference} in {how} of {len(ratios)} ways; from {' to '.join(told)}"
    )


def _reached(share: float, whats: Mapping[str, Sequence[tuple[Place, Way, Estimate]]]) -> str:
    """How many ratios of time are no larger than a share, and of how many more the interval holds it."""
    ratios = [ratio for some in whats.values() for *_, ratio in some]
    small = sum(ratio.value <= share for ratio in ratios)
    near = sum(ratio.low <= share < ratio.value for ratio in ratios)
    told = f"of {len(ratios)} ratios of time {small or 'none'} {'are' if small > 1 else 'is'} as small"
    return f"{told}, and the interval of {near} more reaches it" if near else told


def _within(place: Place, printed: PublishedTimes) -> list[str]:
    """The ways of a machine in which the ratio of one clip is as published, as far as the printed digits tell that."""
    ways = (way for way in place.ways if way.ratio and not way.doubts)
    return [_how(way) for way in ways if way.ratio and printed.low <= way.ratio.value <= printed.high]


def _in_doubt(way: Way) -> Iterator[str]:
    """What of a way is in doubt."""
    if way.doubts:
        yield "one clip"
    if way.doubts_at_once:
        yield "many clips"


def _where(place: Place, way: Way) -> str:
    return f"{_how(way)} on {place.name}"


def _how(way: Way) -> str:
    return ", ".join(way.ran_on)
