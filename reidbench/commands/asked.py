"""What the arguments of a command ask for, checked. Imports no torch."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench import machine, registry
from reidbench.files import resolved
from reidbench.options import parse_options, written_options
from reidbench.planning.plan import Plan, Request, accuracy_cell, cost_options, make_plan
from reidbench.program import program
from reidbench.spec import CLIP_FRAMES, COST_SHAPE, Cell, Places, Row, Suite, UserError
from reidbench.store import MACHINE, Store, machines

if TYPE_CHECKING:
    from torch import nn


def request_of(arguments: Namespace) -> Request:
    """What a plan is made by, of the options that the command has."""
    given = vars(arguments)
    names = ("preset", "only", "dataset", "root", "protocol", "device", "seeds", "subset", "weights", "splits")
    options = parse_options("--data", given.get("dataset_options", ()))
    rows = tuple(given.get("rows", ()))
    return Request(rows=rows, dataset_options=options, **{name: given[name] for name in names if name in given})


def check_rows(arguments: Namespace, single: bool) -> None:
    """Raises UserError for rows that were chosen of more than one suite."""
    if arguments.rows and not single:
        raise UserError("--rows: give it with one suite")


def store_of(arguments: Namespace) -> Store:
    """The store of the machine that is named, or of this one, in the results folder.

    Raises UserError where the folder is itself a machine's: its records would not be found, and measured anew in it.
    """
    folder = Path(arguments.results)
    if (folder / MACHINE).is_file():
        place = resolved(folder)
        raise UserError(f"--results {folder}: is the folder of machine {place.name}; give its parent, {place.parent}")
    return Store(arguments.results, arguments.machine or machine.name())


def find_store(place: str, option: str, machine_name: str = "") -> Store:
    """The store of a machine's folder, or in a results folder of the machine named, of this one or of the only one.

    Raises UserError where there is none such.
    """
    folder = Path(place)
    if (folder / MACHINE).is_file():
        return Store(folder.resolve().parent, folder.resolve().name)
    known = machines(folder)
    chosen = machine_name or machine.name()
    if chosen in known:
        return Store(folder, chosen)
    if len(known) == 1 and not machine_name:
        return Store(folder, known[0])
    if not known:
        raise UserError(
            f"{option} {place}: no records there; run a suite first, or give a results folder or one machine's in it"
        )
    if machine_name and option == "--results":
        raise UserError(f"{option} {place}: holds no machine {machine_name!r}{registry.nearest(machine_name, known)}")
    lacking = f"no machine {machine_name!r}" if machine_name else "several machines, and not this one"
    which = "the folder of one: " if len(known) > 1 else f"{option} " if option.startswith("--") else ""
    folders = ", ".join(str(folder / name) for name in known)
    raise UserError(f"{option} {place}: holds {lacking}; give {which}{folders}")


def plans_of(
    suites: Mapping[str, Suite],
    arguments: Namespace,
    store: Store,
    make: Callable[[str, Suite, Request, Store], Plan] = make_plan,
    *,
    chosen: bool = True,
) -> dict[str, Plan]:
    """The plans of the suites that have a column of the kind asked for; the others are named on stderr.

    Raises UserError where no suite has one, where no cell of any can be measured on the store's machine, or where a
    suite cannot be planned as it is asked for. Suites that were not `chosen` by name are left out then, and named.
    """
    request = request_of(arguments)
    plans: dict[str, Plan] = {}
    refused: dict[str, list[str]] = {}
    for name, suite in suites.items():
        try:
            plans[name] = make(name, suite, request, store)
        except UserError as error:
            refused.setdefault(str(error), []).append(name)
    if refused and (chosen or not plans):
        raise UserError(next(iter(refused)))
    for reason, names in refused.items():
        print(f"{program()}: left out: {', '.join(names)}: {reason}", file=sys.stderr)
    found = _with_columns(plans, request.only)
    _check_measurable(found)
    return found


def _with_columns(plans: Mapping[str, Plan], only: str) -> dict[str, Plan]:
    found = {name: plan for name, plan in plans.items() if plan.cells or plan.absent}
    if not found:
        raise UserError(f"--only {only}: suite {' and '.join(plans)} has no {only} column; leave --only out")
    if without := [name for name in plans if name not in found]:
        print(f"{program()}: --only {only} leaves out what has no such column: {', '.join(without)}", file=sys.stderr)
    return found


def _check_measurable(plans: Mapping[str, Plan]) -> None:
    if not any(plan.cells for plan in plans.values()):
        reasons = sorted({reason for plan in plans.values() for reason in plan.absent.values()})
        raise UserError(f"suite {' and '.join(plans)}: nothing of it can be measured here: {'; '.join(reasons)}")


def check_gpu(device: str) -> None:
    """Raises UserError for a GPU that is not there, or that torch cannot use."""
    if device == "cuda" and not machine.gpu().name:
        reason = machine.gpu().reason
        what = f"torch sees no CUDA GPU: {reason}" if reason else "this machine shows no CUDA GPU"
        raise UserError(f"--device cuda: {what}; use --device cpu")


def asked_gpus(arguments: Namespace) -> tuple[str, ...]:
    """The GPUs to train on side by side, as CUDA_VISIBLE_DEVICES names them; none where the first is to do it alone.

    Raises UserError where torch sees fewer of one name than `--gpus` says.
    """
    count = vars(arguments).get("gpus", 1)
    if count < 1:
        raise UserError(f"--gpus {count}: give at least 1")
    if count == 1:
        return ()
    if arguments.device != "cuda":
        raise UserError(f"--gpus {count}: give --device cuda, too")
    gpu = machine.gpu()
    if count > len(gpu.alike):
        raise UserError(f"--gpus {count}: torch sees {len(gpu.alike)} {gpu.name}; only GPUs alike are shared")
    return gpu.alike[:count]


def given_options(arguments: Namespace) -> dict[str, Any]:
    """The options of `--set name=value`."""
    options = parse_options("--set", arguments.set)
    registry.check_options("model", registry.lookup("model", arguments.model, registry.models()), options)
    return options


def label_of(model: str, options: Mapping[str, Any]) -> str:
    """A model with its options, by which a profile names it."""
    return " ".join((model, *written_options(options)))


def tried(model: str, options: Mapping[str, Any], frames: int = CLIP_FRAMES) -> nn.Module:
    """The model with random weights, after a clip of so many frames of the paper's size went through it. Raises
    UserError naming it where it cannot be built or fails."""
    from reidbench.profiling.session import build
    from reidbench.profiling.trial import try_model

    made = build(model, cost_options(Row(model, model, options, frames=frames)))
    try_model(model, made, clip_of(frames))
    return made


def clip_of(frames: int) -> tuple[int, ...]:
    """One clip [B, T, 3, H, W] of so many frames of the paper's size."""
    return (1, frames, *COST_SHAPE[2:])


def accuracy_cell_of(arguments: Namespace, seed: int) -> tuple[Cell, Places]:
    """The accuracy cell of a command's model, options, preset and dataset, and where its files lie."""
    check_gpu(arguments.device)
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed {seed}: give 0 or more, and less than 2**63")
    request = request_of(arguments)
    cell = accuracy_cell(arguments.model, given_options(arguments), request, seed, store_of(arguments))
    return cell, Places(request.root, request.weights)
