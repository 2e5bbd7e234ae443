"""The command that calibrates the gate on this machine: the same code measured again and again. Imports no torch."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from dataclasses import asdict, replace
from math import isnan
from pathlib import Path
from typing import Any

from reidbench import machine, registry
from reidbench.commands.asked import check_gpu, request_of, store_of
from reidbench.commands.gate import limits_of, measure
from reidbench.data.cache import cache_folder
from reidbench.files import write_text
from reidbench.planning.plan import Plan, Request, check_only, make_plan
from reidbench.regression.calibration import (
    FAULTS,
    HALVES,
    NAME,
    Calibration,
    commands_by_half,
    readings_of,
    recorded,
    try_accuracies,
    try_times,
)
from reidbench.regression.calibration_report import summary, text
from reidbench.regression.pairing import COMPANIONS, Pair
from reidbench.regression.sides import Side
from reidbench.scatter import FILE, scatter
from reidbench.spec import Column, Row, Suite, UserError
from reidbench.store import Store

PLUGIN = Path(__file__).parents[1] / "regression" / "faults.py"

MOST_SEEDS = 16
"""With so many there are 12,870 halves."""

ACCURACIES = tuple(Column(f"accuracy.{name}") for name in ("mAP", "top1", "mINP", "mAP_emblem", "mAP_tempo"))


def calibrate(arguments: Namespace) -> int:
    """Measures what is missing, tries the gate's verdicts on it, and writes `calibration.json` and `.md`.

    The measurements lie in the cache folder, so that an interrupted calibration goes on, and more sessions add to it.
    """
    check_gpu(arguments.device)
    limits = limits_of(arguments)
    check_only(arguments.only)
    if arguments.only != "cost" and not 2 <= arguments.seeds <= MOST_SEEDS:
        raise UserError(
            f"--seeds {arguments.seeds}: give 2 or more, at most {MOST_SEEDS}, every half is compared with the other"
        )
    home = store_of(arguments)
    home.check_is_here()
    home.check_writable()
    about: dict[str, Any] = {"machine": home.name, "command": arguments.command_line, "versions": machine.versions()}
    found = _other_part(_known(home.folder), arguments.only) or Calibration(None, None, limits, (), {}, {})
    halves = [arguments.only] if arguments.only else HALVES
    commands = {**commands_by_half(found.about), **dict.fromkeys(halves, arguments.command_line)}
    found = replace(found, limits=limits, about={**found.about, **about, "commands": commands})
    if arguments.only != "accuracy":
        found = _times(found, arguments, Store(cache_folder() / NAME, home.name), home)
    if arguments.only != "cost":
        registry.add_plugin(PLUGIN)
        code = registry.model_source("baseline")
        found = _accuracies(found, arguments, Store(cache_folder() / NAME / f"faults-{code}", home.name))
    write_text(home.folder / FILE, json.dumps(asdict(found), indent=1, allow_nan=False) + "\n")
    write_text(home.folder / f"{NAME}.md", text(found))
    if arguments.json:
        print(json.dumps({**asdict(found), "log_ratios": {}}, indent=1, allow_nan=False))
    else:
        print("\n".join(summary(found)))
        print(f"written: {home.folder / f'{NAME}.md'}\nwritten: {home.folder / FILE}")
    return 0


def _known(folder: Path) -> Calibration | None:
    """The calibration recorded in a folder. Raises UserError for one that no report could be written of."""
    known = recorded(folder)
    try:
        if known:
            text(known)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{folder / FILE}: damaged ({error}); move it away and calibrate both parts") from error
    return known


def _other_part(known: Calibration | None, only: str) -> Calibration | None:
    """What of an earlier calibration stays when one kind alone is tried again; None where both kinds are."""
    if known is None or not only:
        return None
    kept = tuple(trial for trial in known.trials if (trial.what == "time") == (only == "accuracy"))
    return replace(known, trials=kept)


def _times(found: Calibration, arguments: Namespace, store: Store, home: Store) -> Calibration:
    """The calibration with the trials of times, on as many sessions as were asked for.

    `store` holds the sessions, `home` the calibration that this one replaces.
    """
    suite = registry.suite(arguments.suite)
    column = _timed_column(suite, arguments.device)
    plan = make_plan(arguments.suite, replace(suite, columns=(column,)), replace(request_of(arguments), only=""), store)
    pairs = _sessions(plan, Side(store, {column.measurement}))
    held = min((len(pair.here) for pair in pairs), default=0)
    _check_tells_as_much(home.folder, arguments.device, max(held, arguments.sessions))
    while (done := min((len(pair.here) for pair in pairs), default=0)) < arguments.sessions:
        print(f"session {done + 1} of {arguments.sessions}", file=sys.stderr)
        if failures := measure([plan], store, fresh=True):
            raise UserError(f"{failures[0].row}: {failures[0].error}")
        pairs = _sessions(plan, Side(store, {column.measurement}))
    series = {pair.row: [readings_of(pair, record) for record in pair.here] for pair in pairs}
    noise, within = scatter(series)
    started = [record.started for record in pairs[0].here]
    about = {
        **found.about,
        "suite": arguments.suite,
        "rows": [pair.row for pair in pairs],
        "reference": suite.reference,
        "device": arguments.device,
        "sessions": len(started),
        "first": started[0],
        "last": started[-1],
        "other_load": max(float(record.context.get("other_load", 0.0)) for pair in pairs for record in pair.here),
    }
    rounded = {row: [[round(value, 5) for value in one] for one in each] for row, each in series.items()}
    trials = (*found.trials, *try_times(pairs, found.limits))
    return replace(
        found,
        noise=None if isnan(noise) else noise,
        within=None if isnan(within) else within,
        trials=trials,
        about=about,
        log_ratios=rounded,
    )


def _check_tells_as_much(folder: Path, device: str, sessions: int) -> None:
    """Raises UserError where a calibration from so many sessions would replace one that tells what it does not."""
    known, path = recorded(folder), folder / FILE
    if known is None or not known.log_ratios:
        return
    there = max(map(len, known.log_ratios.values()))
    if (other := str(known.about.get("device", ""))) != device:
        raise UserError(f"{path}: is of {other}, and one of {device} would replace it; move it away to calibrate anew")
    if sessions < there:
        raise UserError(
            f"{path}: rests on {there} sessions, more than --sessions {sessions}; give --sessions {there}, or move it "
            "away to calibrate anew"
        )


def _timed_column(suite: Suite, device: str) -> Column:
    """The first column of a suite that is timed in sessions with the reference row, on a device. Raises UserError."""
    for column in suite.columns:
        measurement = registry.measurements()[column.measurement]
        for name, quantity in measurement.quantities.items():
            timed = measurement.mode == "interleaved" and quantity.statistic == "ratio"
            if timed and column.settings.get("device", "cpu") == device:
                return replace(column, quantity=f"{measurement.name}.{name}")
    raise UserError(f"the suite times nothing on {device}; name another, such as table2")


def _sessions(plan: Plan, side: Side) -> list[Pair]:
    """A pair for each row but the reference, with the sessions that all of them share as those here.

    Each is divided by the reference row and the others.
    """
    (column,) = plan.suite.columns
    quantity = registry.quantity(column)
    records = {
        row.name: side.of(plan.cells[row.name, 0][0], exactly=True)
        for row in plan.suite.rows
        if row.name != plan.suite.reference and (row.name, 0) in plan.cells
    }
    if not records:
        raise UserError("--rows: name at least one row besides the reference")
    shared = set.intersection(*({record.started for record in each} for each in records.values()))
    sessions = {row: tuple(record for record in each if record.started in shared) for row, each in records.items()}
    beside = tuple(dict(zip(sessions, each, strict=True)) for each in zip(*sessions.values(), strict=True))
    reference = plan.suite.reference
    return [
        Pair(
            row,
            column.quantity,
            quantity.title,
            quantity,
            "time",
            here=each,
            reference=reference,
            divisors=(reference, *[name for name in sessions if name != row][:COMPANIONS]),
            beside_here=beside,
        )
        for row, each in sessions.items()
    ]


def _accuracies(found: Calibration, arguments: Namespace, store: Store) -> Calibration:
    """The calibration with the trials of accuracies, of the baseline trained soundly and with each fault."""
    faulty = tuple(Row(name, "mistaken", {"fault": name}) for name in FAULTS)
    suite = Suite("Faults", (Row("sound", "mistaken"), *faulty), ACCURACIES, "sound")
    sound = _plan(suite, ("sound",), arguments, arguments.seeds, store)
    others = _plan(suite, tuple(FAULTS), arguments, arguments.seeds // 2, store)
    if failures := measure([sound, others], store):
        raise UserError(f"{failures[0].row}: {failures[0].error}")
    side = Side(store, {"accuracy"})
    pairs = {
        row: _seeds(plan, row, side) for plan, rows in ((sound, ["sound"]), (others, list(FAULTS))) for row in rows
    }
    trials = try_accuracies(pairs["sound"], {row: pairs[row] for row in FAULTS}, found.limits)
    recipe = (
        f"Preset {sound.preset.name}: {sound.preset.about}; {arguments.seeds} seeds of the sound baseline, "
        f"{arguments.seeds // 2} of each fault."
    )
    return replace(found, trials=(*found.trials, *trials), about={**found.about, "recipe": recipe})


def _plan(suite: Suite, rows: tuple[str, ...], arguments: Namespace, seeds: int, store: Store) -> Plan:
    request = Request(preset=arguments.preset, rows=rows, seeds=seeds)
    return make_plan(f"{NAME}-faults", suite, request, store)


def _seeds(plan: Plan, row: str, side: Side) -> list[Pair]:
    """A pair for each quantity, with all the seeds of a row that the plan has as those here."""
    pairs = []
    for index, column in enumerate(plan.suite.columns):
        quantity = registry.quantity(column)
        keys = {cell.key for cell in plan.cells[row, index]}
        records = sorted(
            (record for record in side.of(plan.cells[row, index][0], exactly=True) if record.key in keys),
            key=lambda record: record.cell["settings"]["seed"],
        )
        pairs.append(Pair(row, column.quantity, quantity.title, quantity, "accuracy", here=tuple(records)))
    return pairs
