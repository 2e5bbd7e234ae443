"""Writes rendered tracklets in the MARS layout (see `reidbench.data.mars`), with their traits and a stamp."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reidbench.data.info_files import read_json
from reidbench.data.mars import read_layout
from reidbench.files import draft_of, refused, sweep_drafts
from reidbench.program import beginning
from reidbench.spec import UserError

STAMP = "info/synthetic.json"
NOTED = ("generator", "options", "content", "jpeg_bytes")
THREADS = min(2, os.cpu_count() or 1)
JPEG_END = b"\xff\xd9"


@dataclass(frozen=True)
class Shot:
    """A tracklet to be rendered: its part ("train" or "test"), and its numbers in the layout, all from 1."""

    part: str
    identity: int
    camera: int
    track: int

    @property
    def name(self) -> str:
        return f"{self.identity:04d}C{self.camera}T{self.track:04d}"


@dataclass(frozen=True)
class Footage:
    """What a shot gave: `pixels` uint8 `[T, height, width, 3]`, the JPEG quality to keep them at, and its traits."""

    pixels: NDArray[np.uint8]
    quality: int
    traits: Mapping[str, str | int]


def write_layout(
    folder: Path, shots: Sequence[Shot], film: Callable[[Shot], Footage], about: Mapping[str, Any]
) -> None:
    """Films every shot and writes the tree; it appears at `folder` whole or not at all, and of two writers one wins.

    The stamp, info/synthetic.json, holds `about`, `content` (SHA-256 over the shots' names and pixels before JPEG, in
    their order), `jpeg_bytes`, and the `fingerprint` that the tree has as MARS is read. Raises UserError where the
    system refuses.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep_drafts(folder)
        draft = draft_of(folder)
        draft.mkdir()
        try:
            _fill(draft, shots, film, about)
            try:
                draft.rename(folder)
            except OSError:
                if not (folder / STAMP).is_file():
                    raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise refused(folder, error) from error


def read_stamp(root: Path) -> dict[str, Any]:
    """The stamp of a tree that `write_layout` wrote. Raises UserError if there is none, or a damaged one."""
    file = root / STAMP
    if not file.exists():
        advice = f"write one with `{' '.join(beginning())} data synthetic OUT`"
        raise UserError(f"{file}: missing, so {root} is no synthetic dataset; {advice}")
    try:
        stamp = read_json(file)
    except UserError as error:
        raise UserError(f"{error}; delete {root} and write it again") from error
    whole = isinstance(stamp, dict) and stamp.keys() >= {*NOTED}
    if not whole or not isinstance(stamp["options"], dict) or not isinstance(stamp["content"], str):
        raise UserError(f"{file}: lacks what the writer notes there; delete {root} and write it again")
    if "fingerprint" not in stamp:
        raise UserError(f"{file}: written by an older version of reidbench; delete {root} and write it again")
    return stamp


def frame_bytes(root: Path) -> int:
    """The size of all frames together: a cheap sign that none was cut short or replaced. Raises UserError."""
    size = 0
    try:
        for folder in (path for part in ("bbox_train", "bbox_test") for path in (root / part).iterdir()):
            if folder.is_dir():
                with os.scandir(folder) as frames:
                    size += sum(frame.stat().st_size for frame in frames)
        return size
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be looked at ({error.strerror}); mend or remove it") from error


def cut_frame(root: Path) -> Path | None:
    """The first frame, by name, that does not end as a JPEG does, or is no file; None if all do."""
    for frame in sorted(root.glob("bbox_*/*/*.jpg")):
        if not frame.is_file():
            return frame
        with frame.open("rb") as file:
            file.seek(max(0, frame.stat().st_size - len(JPEG_END)))
            if file.read() != JPEG_END:
                return frame
    return None


def _fill(out: Path, shots: Sequence[Shot], film: Callable[[Shot], Footage], about: Mapping[str, Any]) -> None:
    from scipy.io import savemat

    for shot in shots:
        _home(out, shot).mkdir(parents=True, exist_ok=True)
    content, size = hashlib.sha256(), 0
    names: dict[str, list[str]] = defaultdict(list)
    rows: dict[str, list[tuple[int, int, int, int]]] = defaultdict(list)
    traits: dict[str, Mapping[str, str | int]] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for shot, written in zip(shots, pool.map(lambda s: _write_shot(out, s, film(s)), shots), strict=True):
            content.update(f"{shot.name} {written.pixels}\n".encode())
            size += written.size
            first = len(names[shot.part]) + 1
            names[shot.part] += written.names
            rows[shot.part].append((first, len(names[shot.part]), shot.identity, shot.camera))
            traits[shot.name] = written.traits
    info = out / "info"
    info.mkdir()
    for part in ("train", "test"):
        (info / f"{part}_name.txt").write_text("".join(f"{name}\n" for name in names[part]), encoding="ascii")
        savemat(info / f"tracks_{part}_info.mat", {f"track_{part}_info": np.array(rows[part], dtype=np.int32)})
    queries = np.arange(1, len(rows["test"]) + 1, dtype=np.int32)[None]
    savemat(info / "query_IDX.mat", {"query_IDX": queries})
    (info / "traits.json").write_text(json.dumps(traits, indent=0) + "\n", encoding="utf-8")
    seen = read_layout(out, name="synthetic").fingerprint
    stamp = {**about, "content": content.hexdigest(), "jpeg_bytes": size, "fingerprint": seen}
    (out / STAMP).write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class _Written:
    names: list[str]
    pixels: str
    size: int
    traits: Mapping[str, str | int]


def _write_shot(out: Path, shot: Shot, footage: Footage) -> _Written:
    names, size = [], 0
    for number, frame in enumerate(footage.pixels, start=1):
        encoded = io.BytesIO()
        Image.fromarray(frame).save(encoded, "jpeg", quality=footage.quality)
        names.append(f"{shot.name}F{number:03d}.jpg")
        size += (_home(out, shot) / names[-1]).write_bytes(encoded.getvalue())
    return _Written(names, hashlib.sha256(footage.pixels.tobytes()).hexdigest(), size, footage.traits)


def _home(out: Path, shot: Shot) -> Path:
    return out / f"bbox_{shot.part}" / f"{shot.identity:04d}"
