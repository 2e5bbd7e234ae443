"""What the arguments of a command ask for, checked. Imports no torch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reidbench import machine, registry
from reidbench.options import parse_options
from reidbench.planning.plan import Plan, Request, accuracy_cell
from reidbench.spec import COST_SHAPE, Cell, Places, UserError
from reidbench.store import Store

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


def check_measurable(plans: Mapping[str, Plan]) -> None:
    """Raises UserError where no cell of any plan can be measured on the machine, with the reasons."""
    if not any(plan.cells for plan in plans.values()):
        reasons = sorted({reason for plan in plans.values() for reason in plan.absent.values()})
        raise UserError(f"suite {' and '.join(plans)}: nothing of it can be measured here: {'; '.join(reasons)}")


def check_gpu(device: str) -> None:
    """Raises UserError for a GPU that is not there."""
    if device == "cuda" and not machine.describe()["gpu"]:
        raise UserError("--device cuda: this machine shows no CUDA GPU; use --device cpu")


def given_options(arguments: Namespace) -> dict[str, Any]:
    """The options of `--set name=value`."""
    options = parse_options("--set", arguments.set)
    registry.check_options("model", registry.lookup("model", arguments.model, registry.models()), options)
    return options


def tried(model: str, options: Mapping[str, Any]) -> nn.Module:
    """The model with random weights, after one clip of the paper's scale went through it. Raises UserError naming it
    where it cannot be built or fails."""
    from reidbench.profiling.session import build
    from reidbench.profiling.trial import try_model

    made = build(model, options)
    try_model(model, made, COST_SHAPE)
    return made


def accuracy_cell_of(arguments: Namespace, seed: int) -> tuple[Cell, Places]:
    """The accuracy cell of a command's model, options, preset and dataset, and where its files lie."""
    check_gpu(arguments.device)
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed {seed}: give 0 or more, and less than 2**63")
    request = request_of(arguments)
    store = Store(arguments.results, arguments.machine or machine.name())
    cell = accuracy_cell(arguments.model, given_options(arguments), request, seed, store)
    return cell, Places(request.root, request.weights)
