"""What the command `export` does: a network as a file that others can run, checked after it was written. No torch."""

from __future__ import annotations

import json
import math
import tempfile
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench import machine
from reidbench.commands.asked import accuracy_cell_of, given_options, request_of
from reidbench.commands.output import print_result
from reidbench.commands.scoring import weights_of
from reidbench.deployment.backends import missing
from reidbench.files import write_text
from reidbench.recipes import Recipe
from reidbench.registry import lookup
from reidbench.spec import Cell, UserError

if TYPE_CHECKING:
    from torch import Tensor

    from reidbench.deployment.files import Format
    from reidbench.deployment.network import Network

RANDOM = "random"
"""What `--weights` is for a network of random weights, to be timed elsewhere."""

ANY = "any"
"""What `--batch` is for a file that takes as many clips at a time as it is given."""

ANY_TRIED = (1, 2, 5)
"""Numbers of clips that such a file is checked with."""

TRAINING = ("preset", "dataset", "dataset_options", "split", "seed", "trunk", "row", "converted_from")
"""What is said of the training of weights, where they say it themselves."""

OWN_DATA = ", which tell nothing of accuracy; for your data see docs/deployment.md"
"""What is added to the check of an int8 file."""

LIMIT = 1e-6
"""The cosine error above which a float32 file is not what the model computes: a hundred times float32's rounding."""


def export(arguments: Namespace) -> int:
    """Writes the network with its neck, and beside it a JSON file that says how it is fed and how it was checked."""
    from reidbench.deployment import agreement, files, runtimes
    from reidbench.deployment.network import clips_of
    from reidbench.profiling.trial import try_model

    name, found = _format(arguments)
    out = Path(arguments.out or f"{arguments.model}{found.suffix}")
    batches = _batches(arguments.batch, name, found)
    if out.suffix != found.suffix:
        raise UserError(f"--out {out}: the name of a file of format {name} ends with {found.suffix}")
    if not out.parent.is_dir():
        raise UserError(f"--out {out}: there is no folder {out.parent}")
    network, cell, recipe = _network(arguments)
    any_batch = arguments.batch == ANY
    shapes = [[batch, recipe.frames, 3, *recipe.size] for batch in batches]
    # What is wrong with the model itself is told by it, not by an exporter's account of it.
    try_model(arguments.model, network.model, shapes[0])
    calibration = _calibration(arguments, recipe, batches[0])
    clips = clips_of(shapes[0])
    shape = [ANY if any_batch else batches[0], *shapes[0][1:]]
    about = _about(arguments, cell, shape, _length(network, clips), found)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as draft:
        # What lies at --out already stays until the new file has been checked.
        draft_file = Path(draft) / out.name
        written = files.write(
            network, clips, draft_file, name, calibration=calibration, any_batch=any_batch, note=json.dumps(about)
        )
        checked = agreement.compare(network, runtimes.load(written[0], name, precision=arguments.precision), *shapes)
        if not math.isfinite(checked.cosine_error):
            raise UserError(f"{out}: would compute vectors that are not finite; not written")
        if arguments.precision == "fp32" and checked.cosine_error > LIMIT:
            error = f"{checked.cosine_error:.1e}"
            raise UserError(f"{out}: would compute other vectors than the model (1 - cosine {error}); not written")
        written = [file.replace(out.with_name(file.name)) for file in written]
    about["checked_against_float64"] = {"clips": "random", **asdict(checked)}
    note = out.with_name(f"{out.name}.json")
    write_text(note, json.dumps(about, indent=1) + "\n")
    trials = agreement.TRIALS * len(shapes)
    told = {
        "written": ", ".join(map(str, [*written, note])),
        "size": f"{files.size_of(out) / 1e6:.1f} MB",
        "clips": f"float32 [{', '.join(map(str, shape))}], {about['clips']['values']}",
        "vector": about["vector"]["about"],
        "weights": arguments.checkpoint,
        "checked": f"1 - cosine at most {checked.cosine_error:.1e} to eager float64, over {trials} batches of random "
        f"clips{OWN_DATA if arguments.precision == 'int8' else ''}",
    }
    return print_result({**about, "written": [*map(str, written), str(note)]} if arguments.json else told, arguments)


def _format(arguments: Namespace) -> tuple[str, Format]:
    """The format asked for, or that of the name's ending. Raises UserError where it cannot be written here."""
    from reidbench.deployment.files import FORMATS

    by_suffix = {found.suffix: name for name, found in FORMATS.items()}
    name = arguments.format or by_suffix.get(Path(arguments.out).suffix, "")
    if not name:
        endings = ", ".join(f"{found.suffix} ({name})" for name, found in FORMATS.items())
        raise UserError(f"export: give --format, or --out with a name that ends with one of {endings}")
    found = lookup("format", name, FORMATS)
    if arguments.precision not in ("fp32", *(("int8",) if found.int8 else ())):
        raise UserError(
            f"--precision {arguments.precision}: {name} is written in {'fp32 or int8' if found.int8 else 'fp32'}"
        )
    lacking = missing(found.packages, found.extra)
    if lacking:
        raise UserError(f"--format {name}: {lacking}")
    return name, found


def _batches(asked: str, name: str, found: Format) -> tuple[int, ...]:
    """The numbers of clips at a time that a file is made and checked for; several where it is to take any."""
    if asked == ANY:
        if not found.any_batch:
            raise UserError(f"--batch {ANY}: {name} is written for one number of clips; give it, or another --format")
        return ANY_TRIED
    try:
        batch = int(asked)
    except ValueError:
        batch = 0
    if batch < 1:
        raise UserError(f"--batch {asked}: give 1 or more, or {ANY}")
    return (batch,)


def _network(arguments: Namespace) -> tuple[Network, Cell, Recipe]:
    """The network with its weights, the cell that holds its identity, and its recipe under the preset."""
    import torch

    from reidbench import registry
    from reidbench.deployment.network import Network
    from reidbench.experiments.accuracy import load_trained
    from reidbench.planning.plan import choose_preset, model_cell, trained_by
    from reidbench.spec import Row

    path = None if arguments.checkpoint == RANDOM else weights_of(arguments)
    arguments.preset = arguments.preset or "paper"
    preset = choose_preset(request_of(arguments))
    options = given_options(arguments)
    cell = model_cell(arguments.model, options, preset)
    if path is None:
        torch.manual_seed(0)
        model = registry.build(cell.model, **cell.options)
    else:
        model = load_trained(cell, path)
    return Network(model, neck=True).eval(), cell, trained_by(Row("", arguments.model, options), preset)


def _calibration(arguments: Namespace, recipe: Recipe, batch: int) -> Any:
    """Batches of clips that int8 is calibrated with: training clips, the first of them again where the last batch is
    not full, or random ones for random weights. None where nothing is quantised."""
    if arguments.precision != "int8":
        return None
    import torch

    from reidbench.deployment.network import clips_of
    from reidbench.experiments.accuracy import dataset_of
    from reidbench.inspection.fidelity import CALIBRATION_CLIPS, training_clips
    from reidbench.profiling.artifact import CALIBRATION_BATCHES as RANDOM_BATCHES

    if arguments.checkpoint == RANDOM:
        return [clips_of([batch, recipe.frames, 3, *recipe.size], seed) for seed in range(RANDOM_BATCHES)]
    cell, places = accuracy_cell_of(arguments, 0)
    clips = training_clips(dataset_of(cell.settings["dataset"], places), recipe, CALIBRATION_CLIPS)
    return [clips[torch.arange(start, start + batch) % len(clips)] for start in range(0, len(clips), batch)]


def _length(network: Network, clips: Tensor) -> int:
    """The numbers of a clip's vector."""
    import torch

    with torch.inference_mode():
        return int(network(clips).shape[1])


def _about(arguments: Namespace, cell: Cell, shape: list[int | str], length: int, found: Format) -> dict[str, Any]:
    """What the file is, how it is fed and what to do with what it gives, as far as it is known before it is written."""
    from reidbench.data.clips import MEAN, STD
    from reidbench.deployment.files import INPUT, OUTPUT
    from reidbench.experiments.scoring import file_hash

    weights = arguments.checkpoint
    return {
        **{name: cell.identity[name] for name in ("model", "options", "source")},
        "weights": weights if weights == RANDOM else file_hash(Path(weights)),
        "training": _training(weights),
        "precision": arguments.precision,
        "clips": {
            "input": INPUT,
            "dtype": "float32",
            "shape": shape,
            "axes": "clip, frame, channel, row, column",
            "frames": f"all of a tracklet in order, {shape[1]} a clip; the last is filled up from the tracklet's start",
            "resize": {"filter": "bicubic", "by": "Pillow", "aspect": "not kept"},
            "values": "RGB / 255, less the mean, by the deviation",
            "scale": 255,
            "mean": MEAN,
            "deviation": STD,
        },
        "vector": {
            "output": OUTPUT,
            "dtype": "float32",
            "length": length,
            "unit_length": False,
            "about": "one a clip, after the neck, of any norm; a tracklet's is their mean; compared by cosine",
        },
        "versions": machine.versions(found.packages),
    }


def _training(weights: str) -> dict[str, Any]:
    """What the weights say of how they were trained; those that came from elsewhere say nothing of it."""
    from reidbench.training.checkpoint import read_checkpoint

    checkpoint = None if weights == RANDOM else read_checkpoint(Path(weights))
    if checkpoint is None or checkpoint.kind != "model":
        return {}
    return {name: checkpoint.about[name] for name in TRAINING if name in checkpoint.about}
