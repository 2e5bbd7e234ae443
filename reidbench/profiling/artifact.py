"""Networks with random weights as files, made once in a process of their own: `python -m reidbench.profiling.artifact`.

What measures such a file then holds, as a deployment does, the runtime and not the model, nor what exporting it took.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from reidbench import machine, registry
from reidbench.data.cache import cache_folder
from reidbench.deployment import files
from reidbench.deployment.network import Network, clips_of
from reidbench.discovery.importing import child_environment
from reidbench.files import alone
from reidbench.spec import UserError, canonical_json

WRITER = 1
"""Raised where files of one network come to be written in another way, so that those in the cache are not taken."""

CALIBRATION_BATCHES = 8
"""Random batches of clips that an int8 network is calibrated with where only its time and size are looked at."""

TELLS = 2
"""The exit code of a process that ends with one line for the user."""


def artifact(model: str, options: Mapping[str, Any], shape: Sequence[int], name: str, precision: str) -> Path:
    """The file in the cache that holds a model with random weights in a format `name` for clips `shape`.

    It is made if it is not there, for this version of torch and of the format's packages. Raises UserError where the
    model cannot be built or exported.
    """
    found = files.FORMATS[name]
    int8 = precision == "int8"
    wanted = {
        "model": registry.lookup("model", model, registry.models()).function,
        "options": registry.resolve_options(model, options),
        "source": registry.model_source(model),
        "shape": list(shape),
        "format": name,
        "int8": int8,
        "writer": [WRITER, files.OPSET, *([CALIBRATION_BATCHES] if int8 else [])],
        "versions": machine.versions(found.packages),
    }
    key = hashlib.sha256(canonical_json(wanted).encode()).hexdigest()[:12]
    folder = cache_folder() / "networks" / f"{machine.slug(model)}-{key}"
    file = folder / f"network{found.suffix}"
    with alone(folder):
        if not all(part.is_file() for part in files.files_of(file)):
            job = {"model": model, "options": dict(options), "shape": list(shape), "format": name, "int8": int8}
            _make(folder, file.name, {**job, "plugins": registry.plugins()})
    return file


def _make(folder: Path, name: str, job: Mapping[str, Any]) -> None:
    """Has another process write the file, in a folder that gets its name once it is whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "reidbench.profiling.artifact"],
            input=json.dumps({**job, "path": str(draft / name)}),
            capture_output=True,
            text=True,
            check=False,
            env=child_environment(),
        )
        sys.stderr.write(done.stderr)
        if done.returncode == TELLS:
            raise UserError(done.stdout.strip())
        if done.returncode:
            raise UserError(f"{job['model']}: exporting it as {job['format']} ended with exit code {done.returncode}")
        # What is left of one that lost a file would be in the way.
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def main() -> int:
    """Reads a job on stdin and writes its file. An error for the user is the line on stdout."""
    job = json.load(sys.stdin)
    for plugin in job["plugins"]:
        registry.add_plugin(plugin)
    # Exporters print what they do; the line for the user must stand alone.
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        _write(job)
    except UserError as error:
        print(error, file=told, flush=True)
        return TELLS
    return 0


def _write(job: Mapping[str, Any]) -> None:
    torch.manual_seed(0)
    network = Network(registry.build(job["model"], **job["options"]))
    clips = [clips_of(job["shape"], seed) for seed in range(CALIBRATION_BATCHES if job["int8"] else 1)]
    calibration = clips if job["int8"] else None
    files.write(network, clips[0], Path(job["path"]), job["format"], calibration=calibration)


if __name__ == "__main__":
    raise SystemExit(main())
