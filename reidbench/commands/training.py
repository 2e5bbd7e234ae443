"""What `train` does, and `train --dry-run`. Imports no torch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench import registry
from reidbench.commands.asked import accuracy_cell_of
from reidbench.commands.output import print_result, telling_progress
from reidbench.data.splits import trained_on
from reidbench.files import alone, check_writable
from reidbench.launch import launched
from reidbench.planning.dataset_identity import dataset_text
from reidbench.running.pace import duration
from reidbench.spec import NO_TRUNK, Cell, Places, UserError

if TYPE_CHECKING:
    from reidbench.experiments.accuracy import Trained
    from reidbench.experiments.dry_run import DryRun

MODEL = "model.pt"
"""The file of a trained model's folder that holds its weights."""

PATIENCE = 3.0
"""Seconds that a training which was just ended has to leave its folder."""


def train(arguments: Namespace) -> int:
    """Trains one model into a folder, going on from the checkpoint that lies there, or takes what a suite trained."""
    from reidbench.experiments.accuracy import train_cell
    from reidbench.training.checkpoint import save_model

    if arguments.dry_run:
        return _dry_run(arguments)
    cell, places = accuracy_cell_of(arguments, arguments.seed)
    folder, place = Path(arguments.out), launched()
    path = folder / MODEL
    with _alone_in(folder) if place.leads else nullcontext():
        if place.leads:
            _check_own(folder, cell, arguments.sync_bn)
        kept = _kept(cell, places, folder)
        if kept:
            model, steps, seconds = kept.model, int(kept.losses[-1][0]), kept.seconds
        else:
            with telling_progress() as progress:
                options = {"preset": arguments.preset, "sync_bn": arguments.sync_bn}
                model, _, result = train_cell(cell, places, folder, progress, **options)
            steps, seconds = result.steps, result.seconds
        if place.leads:
            about = {"cell": cell.key, "processes": place.world, "sync_bn": arguments.sync_bn}
            about |= {"preset": arguments.preset, **trained_on(cell.settings)}
            save_model(path, model, name=cell.model, options=cell.identity["options"], about=about)
    data = dataset_text(**cell.settings["dataset"])
    told = {"weights": str(path), "dataset": data, "steps": steps, "seconds": round(seconds, 1)}
    if kept:
        told["taken_from" if arguments.json else "taken from"] = _origin(kept, cell)
    return print_result(told, arguments)


def _kept(cell: Cell, places: Places, folder: Path) -> Trained | None:
    """The kept weights of the training, which are those that it would end with; None where there are none.

    Several processes would end with others, and what was begun in the folder goes on there.
    """
    from reidbench.experiments.accuracy import kept_model
    from reidbench.training.state import CHECKPOINT

    return None if launched().world > 1 or (folder / CHECKPOINT).exists() else kept_model(cell, places)


def _origin(kept: Trained, cell: Cell) -> str:
    """Which training the kept weights are of, and how to do it anew."""
    from reidbench.experiments.weights import weights_file

    return f"the training of {kept.row}, ended {kept.about['ended']}; to train anew remove {weights_file(cell)}"


def _check_own(folder: Path, cell: Cell, sync_bn: bool) -> None:
    """Raises UserError where the weights in the folder are of another training and no checkpoint there tells so.

    That of several processes is another one, but for --sync-bn.
    """
    from reidbench.training.checkpoint import read_checkpoint
    from reidbench.training.state import CHECKPOINT

    path = folder / MODEL
    if not path.exists() or (folder / CHECKPOINT).exists():
        return
    try:
        about = read_checkpoint(path).about
        alike = about.get("sync_bn", False) if sync_bn else about.get("processes", 1) == launched().world
        own = about.get("cell") == cell.key and alike
    except UserError:
        own = False
    if not own:
        raise UserError(f"{path}: is of another training; give another --out DIR, or move it away")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keeps other trainings out of a folder, which is made. Raises UserError where one is at it."""
    check_writable(folder)
    with ExitStack() as held:
        try:
            held.enter_context(alone(folder / MODEL, patience=PATIENCE))
        except TimeoutError as error:
            raise UserError(
                f"--out {folder}: another training writes here; wait for it, or give another DIR"
            ) from error
        yield


def _dry_run(arguments: Namespace) -> int:
    """Prints what the training will need."""
    from reidbench.experiments.dry_run import dry_run

    cell, places = accuracy_cell_of(arguments, arguments.seed)
    if launched().leads:
        _check_own(Path(arguments.out), cell, arguments.sync_bn)
    with telling_progress() as progress:
        options = {"preset": arguments.preset, "sync_bn": arguments.sync_bn}
        found = dry_run(cell, places, Path(arguments.out), progress, **options)
    trunk = places.trunk if cell.settings["recipe"]["trunk"] == "file" else cell.settings["recipe"]["trunk"]
    data = cell.settings["dataset"]
    if arguments.json:
        told = _numbers(found, data, trunk)
    else:
        told = _lines(found, dataset_text(**data), _start_text(trunk, registry.trunk_of(cell.model)))
    if kept := _kept(cell, places, Path(arguments.out)):
        told |= (
            {"taken_from": _origin(kept, cell)}
            if arguments.json
            else {"whole run": f"none, taken from {_origin(kept, cell)}"}
        )
    return print_result(told, arguments)


def _numbers(found: DryRun, data: Mapping[str, Any], trunk: str) -> dict[str, Any]:
    """Seconds and bytes."""
    bounds = {
        name: dict(zip(("value", "low", "high"), getattr(found, name), strict=True))
        for name in ("each_step", "whole_run")
    }
    return {
        "dataset": found.dataset.name,
        "dataset_options": data["options"],
        "subset": found.dataset.subset,
        "identities": len(found.dataset.train_identities),
        "tracklets": len(found.dataset.train),
        "frames": found.frames,
        "decoded_bytes": found.decoded_bytes,
        "cache": found.cache,
        "trunk": trunk,
        "loss": found.loss,
        "steps": found.steps,
        "epochs": found.epochs,
        "first_step": found.first_step,
        "processes": found.processes,
        "memory_bytes": found.memory,
        "loading_seconds": found.loading,
        "loading_overlapped": found.overlapped,
        "step_seconds": list(found.timing.step),
        "preparation_seconds": found.preparation,
        "without_gradient": list(found.untouched),
        "parameters_without_gradient": sum(found.untouched.values()),
        **bounds,
    }


def _start_text(trunk: str, kind: str) -> str:
    """What the training starts from, which has been loaded."""
    if kind == NO_TRUNK:
        return f"{trunk}, fits" if trunk else "none: on no known trunk, starts as it is built"
    return f"trunk {trunk or 'random'}, fits"


def _lines(found: DryRun, data: str, start: str) -> dict[str, str]:
    from reidbench.experiments.dry_run import KEPT, TOO_LARGE, WRITTEN

    identities, tracklets = len(found.dataset.train_identities), len(found.dataset.train)
    decoded = {
        KEPT: "decoded in the cache",
        WRITTEN: f"will be kept decoded in the cache, which takes about {duration(found.preparation)} once",
        TOO_LARGE: "too large for the cache, decoded for every batch",
    }[found.cache]
    lines = {
        "data": f"{data}: {identities} training identities in {tracklets} tracklets",
        "frames": f"{found.frames}, none missing; {found.decoded_bytes / 1e6:,.1f} MB {decoded}",
        "weights": start,
        "processes": str(found.processes),
        "memory": f"{found.memory / 1e6:,.0f} MB at the peak of a process",
    }
    if found.untouched:
        lines["no gradient"] = _untouched_text(found)
    if found.first_step == found.steps:
        return lines | {"whole run": f"all {found.steps} steps are done already"}
    value, low, high = found.each_step
    first = f"{found.first_step} of them done, " if found.first_step else ""
    timed, (whole, *bounds) = len(found.timing.step), map(duration, found.whole_run)
    times = f"{low:.3g} to {high:.3g}, {timed} steps timed" if timed > 1 else "one step timed, so no range is known"
    return lines | {
        "loss": f"{found.loss:.3f} at step {found.first_step + 1}",
        "each step": f"{value:.3g} s ({times})",
        "loading": f"{found.loading:.3g} s a batch, "
        + ("beside the steps" if found.overlapped else "within each step"),
        "whole run": f"{found.steps} steps in {found.epochs} epochs, {first}{whole}"
        + (f" ({' to '.join(bounds)})" if timed > 1 else ""),
    }


def _untouched_text(found: DryRun) -> str:
    """The parameters that nothing was learnt of, by the first of their names."""
    names = list(found.untouched)
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    count = f"{sum(found.untouched.values()) / 1e6:.2f} M of {found.trainable / 1e6:.2f} M parameters"
    return f"{listed} ({count}): no step learns anything of them, and they are not frozen"
