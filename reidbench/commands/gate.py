"""The commands that compare one version of the code with another. Imports no torch."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reidbench import machine, registry
from reidbench.commands.asked import check_gpu, check_rows, find_store, plans_of, store_of
from reidbench.commands.output import tell_failures
from reidbench.commands.versions import outdated
from reidbench.files import write_text
from reidbench.planning.plan import Plan, all_cells
from reidbench.program import program
from reidbench.regression.calibration import noise_between, session_noise
from reidbench.regression.judging import READINGS, Circumstances, judge
from reidbench.regression.pairing import Pair, companions, doubtful_cells, pairs_of
from reidbench.regression.presentation import FORMATS, WIDTH, gaps, terminal_text, to_json
from reidbench.regression.sides import Side
from reidbench.regression.verdicts import Comparison, Limits, exit_code
from reidbench.running.display import open_display
from reidbench.running.runner import Runner
from reidbench.spec import Record, Suite, UserError
from reidbench.store import Store

PERCENT = 100.0

DOUBTS = {"time": ("cannot tell", "worse", "better"), "reading": ("worse", "better")}
"""The verdicts on each kind of cell after which it is measured again."""


def check(arguments: Namespace) -> int:
    """Compares the records of this machine with a baseline's; measures first what they lack, unless `--recorded`."""
    if not arguments.recorded:
        check_gpu(arguments.device)
    suites, limits = asked_of(arguments)
    baseline = find_store(arguments.against, "--against", arguments.machine)
    store = store_of(arguments)
    plans = plans_of(suites, arguments, store)
    if _is_same(store, baseline):
        _check_recorded(plans, baseline)
    failures: list[Record] = []
    if not arguments.recorded:
        store.check_is_here()
        failures += _measure_missing(list(plans.values()), store, sides_of(plans, store, baseline))
    found = compare_stores(arguments.suite, plans, store, baseline, limits)
    for _ in range(0 if arguments.recorded else arguments.sessions - 1):
        sides = sides_of(plans, store, baseline)
        again = [part for plan in plans.values() if (part := _again(plan, found, *sides))]
        if not again:
            break
        failures += measure(again, store, fresh=True)
        found = compare_stores(arguments.suite, plans, store, baseline, limits)
    if not arguments.recorded and (others := outdated(_recorded(plans, store))):
        advice = "their suite's run into this folder measures again with --fresh, and trains nothing with --only cost"
        found = replace(found, notes=(*found.notes, f"records here were measured with {others}: {advice}"))
    tell_failures(failures)
    return tell(found, store.folder, arguments)


def asked_of(arguments: Namespace) -> tuple[dict[str, Suite], Limits]:
    """The suites to compare and the limits of a change. Raises UserError, also for rows or formats that cannot be."""
    suites = registry.suites_of(arguments.suite)
    check_rows(arguments, len(suites) == 1)
    limits = limits_of(arguments)
    for name in arguments.format:
        registry.lookup("format", name, FORMATS)
    return suites, limits


def compare_stores(
    name: str,
    plans: Mapping[str, Plan],
    here: Store,
    there: Store,
    limits: Limits,
    *,
    calibrated: Path | None = None,
    exactly: bool = True,
) -> Comparison:
    """All verdicts of some suites. With `exactly` only records of the code that runs now count as those here.

    `calibrated` is the folder of the machine's calibration, by default that of the records here. Of a device that
    has none, the scatter between sessions is taken from the sessions compared, if a side has several.
    """
    sides = sides_of(plans, here, there)
    pairs: dict[tuple[str, str, str], Pair] = {}
    for plan in plans.values():
        for pair in pairs_of(plan, *sides, exactly=exactly):
            pairs.setdefault((pair.row, pair.name, pair.subject), pair)
    same_machine = here.machine() == there.machine()
    calibrated = calibrated or here.folder
    known = session_noise(calibrated)
    under = Circumstances(same_machine, {**noise_between(list(pairs.values())), **known})
    verdicts = tuple(judge(list(pairs.values()), limits, under))
    title = next(iter(plans.values())).suite.title if len(plans) == 1 else name
    notes = (*_notes(list(pairs.values()), under, calibrated, known), *_versions(list(pairs.values())))
    return Comparison(name, title, str(here.folder), str(there.folder), limits, verdicts, notes)


def sides_of(plans: Mapping[str, Plan], here: Store, there: Store) -> tuple[Side, Side]:
    """The records here and those of the baseline, which may lie in one folder."""
    ours = Side(here, _measurements(plans))
    # In one folder, the baseline is what other versions of the code have recorded there.
    same = _is_same(here, there)
    return ours, ours.before(all_cells(plans.values())) if same else Side(there, _measurements(plans))


def _is_same(here: Store, there: Store) -> bool:
    return here.folder.resolve() == there.folder.resolve()


def _measurements(plans: Mapping[str, Plan]) -> set[str]:
    return {cell.measurement for cell in all_cells(plans.values())}


def _check_recorded(plans: Mapping[str, Plan], store: Store) -> None:
    """Raises UserError where a baseline holds nothing of the plans, before this code's records are added to it."""
    side = Side(store, _measurements(plans))
    if not any(map(side.of, all_cells(plans.values()))):
        raise UserError(f"--against {store.folder}: nothing of what is to be compared is recorded there")


def _recorded(plans: Mapping[str, Plan], store: Store) -> Iterator[Record]:
    """The successful records that a store has of some plans."""
    for cell in all_cells(plans.values()):
        record = store.load(cell)
        if record is not None and record.status == "ok":
            yield record


def measure(plans: Sequence[Plan], store: Store, *, fresh: bool = False) -> list[Record]:
    """Measures what a store lacks of some plans, or all of it `fresh`; returns what failed."""
    with open_display(list(plans)) as display:
        runner = Runner(store, display)
        runner.run(list(plans), fresh=fresh)
    return runner.failures


def _measure_missing(plans: Sequence[Plan], store: Store, sides: tuple[Side, Side]) -> list[Record]:
    """Measures what a store lacks of some plans, times in sessions that can be compared; returns what failed."""
    timed = [_together(plan, _untimed(plan, store), *sides) for plan in plans]
    rest = [_without(plan, part) for plan, part in zip(plans, timed, strict=True)]
    with open_display(plans) as display:
        runner = Runner(store, display)
        if sessions := list(filter(None, timed)):
            runner.run(sessions, fresh=True)
        runner.run(rest)
    return runner.failures


def limits_of(arguments: Namespace) -> Limits:
    """From which change on a cell counts as changed. Raises UserError."""
    for name, value in (("--least", arguments.least), ("--points", arguments.points)):
        if not 0 < value < PERCENT:
            raise UserError(f"{name} {value:g}: give a number above 0 and below 100")
    if arguments.sessions < 1:
        raise UserError(f"--sessions {arguments.sessions}: give 1 or more")
    return Limits(arguments.least / PERCENT, arguments.points / PERCENT)


def _untimed(plan: Plan, store: Store) -> set[tuple[str, int]]:
    """Where in a plan the cells of interleaved measurements stand of which a store lacks a successful record."""
    measurements = registry.measurements()
    return {
        (row, index)
        for (row, index), own in plan.cells.items()
        if measurements[plan.suite.columns[index].measurement].mode == "interleaved" and not store.holds(own[0])
    }


def _without(plan: Plan, part: Plan | None) -> Plan:
    done = part.cells if part else {}
    return replace(plan, cells={place: own for place, own in plan.cells.items() if place not in done})


def _again(plan: Plan, found: Comparison, here: Side, there: Side) -> Plan | None:
    """The cells that another session or reading may decide: times not told yet, or that one session saw change, and
    what was read too seldom to be called changed; None where there are none."""
    doubts = {kind: [(v.row, v.quantity) for v in found.of(*words) if v.kind == kind] for kind, words in DOUBTS.items()}
    timed = _together(plan, set(doubtful_cells(plan, doubts["time"])), here, there)
    read = {
        place: plan.cells[place]
        for place in doubtful_cells(plan, doubts["reading"])
        if len(here.of(plan.cells[place][0], exactly=True)) < READINGS
    }
    cells = {**(timed.cells if timed else {}), **read}
    return replace(plan, cells=cells) if cells else None


def _together(plan: Plan, places: Collection[tuple[str, int]], here: Side, there: Side) -> Plan | None:
    """The cells at some places of a plan with what their session needs beside them: the reference row and the rows
    that did not change, whose times theirs are divided by."""
    wanted = set(places)
    for index in {index for _, index in places}:
        beside = (plan.suite.reference, *companions(plan, index, here, there, exactly=True))
        wanted |= {(name, index) for name in beside}
    cells = {place: own for place, own in plan.cells.items() if place in wanted}
    return replace(plan, cells=cells) if places else None


def _notes(pairs: Sequence[Pair], under: Circumstances, folder: Path, calibrated: Iterable[str]) -> list[str]:
    """What to know of a comparison. `folder` is that of the machine whose calibration counts, which has one of the
    devices that are `calibrated`."""
    notes = []
    timed = {pair.device for pair in pairs if pair.kind == "time" and not pair.reason}
    if timed and not under.same_machine:
        notes.append("two machines, whose ratios of times may differ by more than the noise of either")
    for device in sorted(timed.difference(calibrated)):
        covers = "the scatter between the few sessions compared" if device in under.noise else "rounds only"
        is_here = Store(folder.parent, folder.name).machine() == machine.describe()
        how = f" ({program()} calibrate --device {device})" if is_here else ""
        notes.append(f"times on {device} are not calibrated in {folder}{how}: their intervals cover {covers}")
    over_itself = [pair for pair in pairs if pair.divisors == (pair.reference,)]
    if any(_reference_code(pair.here) != _reference_code(pair.there) for pair in over_itself):
        notes.append("the reference row's code differs too: what slows all rows alike does not show in a ratio")
    if over := dict.fromkeys(name for pair in pairs if len(pair.divisors) > 1 for name in pair.divisors):
        notes.append(
            f"a time is divided by the geometric mean of those of {', '.join(over)}, its own left out: their code is "
            "the same on both sides"
        )
    return notes


def _versions(pairs: Sequence[Pair]) -> list[str]:
    """One sentence for each package that the two sides have in other versions."""
    found: dict[str, None] = {}
    for pair in pairs:
        if pair.reason:
            continue
        here, there = pair.here[-1].versions, pair.there[-1].versions
        for name in sorted({*here, *there} - {"reidbench"}):
            if here.get(name) != there.get(name):
                found[f"{name} {here.get(name) or 'none'} here, {there.get(name) or 'none'} there"] = None
    return list(found)


def _reference_code(records: Sequence[Record]) -> str:
    return str(records[-1].cell["settings"].get("reference", {}).get("source", ""))


def tell(found: Comparison, folder: Path, arguments: Namespace) -> int:
    """Prints the comparison, writes the files asked for, and returns the exit code."""
    home = Path(arguments.out) if arguments.out else folder
    written = []
    for name in dict.fromkeys(arguments.format):
        ending, render = FORMATS[name]
        path = home / f"{found.name}-{arguments.command}.{ending}"
        write_text(path, render(found))
        written.append(path)
    if arguments.json:
        print(to_json(found), end="")
    else:
        width = min(max(WIDTH, shutil.get_terminal_size().columns), 100)
        print(terminal_text(found, width))
        for path in written:
            print(f"written: {path}")
    code = exit_code(found.verdicts)
    if lacking := gaps(found):
        print(f"{program()}: {arguments.command}: not compared in any row: {lacking}", file=sys.stderr)
    elif code == 2:
        print(f"{program()}: {arguments.command}: not everything could be measured or compared", file=sys.stderr)
    return code
