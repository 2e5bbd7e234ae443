"""The embedded dataset: rendered walkers with look-alikes, written once to the cache in the MARS layout.

Published numbers come from PUBLISHED_SEED, on which nothing was ever chosen. Settings are chosen on VALIDATION_SEED,
and the shared trunk is taught on PRETRAINING_SEED: three sets of persons and cameras that have nothing in common.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reidbench.data.cache import cache_folder
from reidbench.data.canvas import Draws
from reidbench.data.layout import Footage, Shot, cut_frame, frame_bytes, read_stamp, write_layout
from reidbench.data.lookalikes import factor_counts
from reidbench.data.mars import MARS, read_layout
from reidbench.data.scene import Camera, Take, draw_cameras, draw_take, render
from reidbench.data.tracklets import Dataset, Release
from reidbench.data.walkers import Person, population
from reidbench.files import alone, replacing
from reidbench.registry import dataset, nearest
from reidbench.spec import UserError, canonical_json

GENERATOR = 1
"""Version of the renderer: raise it whenever the same options give other pixels."""

PUBLISHED_SEED, VALIDATION_SEED, PRETRAINING_SEED = 50211, 50212, 50213

SHOWS = (
    "It can show whether a network sees a small detail (emblem twins), a rhythm (tempo twins), or a person behind an "
    "occluder."
)
LIMITS = (
    f"{SHOWS} It cannot stand in for real pedestrians. Neither values nor the order of rows carry over to a real "
    "dataset, not even an order beyond the noise. Real backgrounds, poses and detector errors are not in it."
)
"""What a reader must know of every accuracy on this dataset; records hold it as it was worded when they were made."""

BOUNDS: Mapping[str, tuple[float, float]] = {
    "train_ids": (2, 9997),
    "test_ids": (2, 9997),
    "cameras": (2, 6),
    "tracklets": (1, 9999),
    "frames": (1, 999),
    "height": (16, 1024),
    "width": (8, 512),
    "occlusion": (0, 1),
    "detail": (0, 1),
    "gait": (0, 1),
    "camera_shift": (0, 2),
    "rate": (0.25, 4),
    "misalignment": (0, 6),
    "seed": (0, 2**63 - 1),
}

LATER = ("rate", "misalignment")
"""Options younger than the first records. At its default, where it changes no pixel, such an option is left out of what
is noted and hashed, so that folders and records made before it came stay valid. A new option belongs here."""


@dataset
def synthetic(
    root: str = "",
    *,
    train_ids: int = 192,
    test_ids: int = 80,
    cameras: int = 4,
    tracklets: int = 1,
    frames: int = 16,
    height: int = 64,
    width: int = 32,
    occlusion: float = 0.2,
    detail: float = 0.5,
    gait: float = 0.5,
    camera_shift: float = 1.0,
    rate: float = 1.0,
    misalignment: float = 1.0,
    seed: int = 50211,
) -> Dataset:
    """Rendered walkers whose look-alikes differ in a small emblem or in the tempo of their gait; nothing to download.

    Each identity has `tracklets` of `frames` frames from each camera. `occlusion` is the share of tracklets with an
    occluder, `detail` and `gait` the shares of identities in emblem groups of 4 and tempo pairs, `camera_shift` how far
    the cameras' images differ. Every test tracklet is a query and stays in the gallery.

    `rate` is the frame rate relative to the default. At 0.5 a gait cycle has half as many frames, background and
    occluder go twice as far between two, and an occluder hides half as many; `frames` stays, so that a tracklet lasts
    twice as long. At 2 or more most occluders are there from the first frame to the last; from 0.5 down the gait of
    quick walkers is aliased (see `walkers.PERIODS`). `misalignment` scales the detector's errors, that is offset, size
    and jitter of its boxes: 0 centres everybody, from about 2 on the frame's edge cuts some persons off.

    Without `root` it is written to the cache folder once; a root that `write_synthetic` made brings its own options.

    Raises UserError for an option out of range, a damaged folder, or a root made with other options than those given.
    """
    given = {name: value for name, value in locals().items() if name != "root"}
    if root:
        # An option at its default may not have been given: it agrees with whatever the folder was made with.
        return _read(Path(root), _stored_options(Path(root), _off_defaults(given)))
    options = SyntheticOptions.of(**given)
    folder = cache_folder() / "synthetic" / options.fingerprint
    if not folder.exists():
        with alone(folder):
            if not folder.exists():
                _write(folder, options)
    return _read(folder, options)


def write_synthetic(out: Path, **options: Any) -> None:
    """Writes a synthetic dataset to `out`, which must be missing or empty. Options are those of `synthetic`.

    It appears whole or not at all. Raises UserError.
    """
    checked = SyntheticOptions.of(**options)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: exists already; name a new or an empty folder")
    _write(out, checked)


def fingerprint(root: str = "", **options: Any) -> str:
    """`Dataset.fingerprint` of `synthetic(root, **options)`, known without rendering or reading a frame."""
    if root:
        return _stored_options(Path(root), options).fingerprint
    return SyntheticOptions.of(**options).fingerprint


def kept_options(root: str, **given: Any) -> dict[str, Any]:
    """The options that the data in a root were made with, without those at their defaults that are not `given`.

    With them `synthetic` makes the same data without the root. Raises UserError if one given differs from what the root
    was made with, also if it is the default.
    """
    return {**_off_defaults(asdict(_stored_options(Path(root), given))), **given}


def content_hash(root: Path) -> str:
    """The SHA-256 over the pixels before JPEG that the writer noted: equal wherever the renderer drew the same."""
    return str(read_stamp(root)["content"])


@dataclass(frozen=True)
class SyntheticOptions:
    """The options of `synthetic`, checked. Raises UserError for a value out of range."""

    train_ids: int
    test_ids: int
    cameras: int
    tracklets: int
    frames: int
    height: int
    width: int
    occlusion: float
    detail: float
    gait: float
    camera_shift: float
    rate: float
    misalignment: float
    seed: int

    @classmethod
    def of(cls, **given: Any) -> SyntheticOptions:
        """The given options, the others at their defaults."""
        defaults = _defaults()
        for name in given:
            if name not in defaults:
                raise UserError(f"dataset synthetic has no option {name!r}{nearest(name, defaults)}")
        return cls(**{**defaults, **given})

    def __post_init__(self) -> None:
        for name, (low, high) in BOUNDS.items():
            value, whole = getattr(self, name), isinstance(_defaults()[name], int)
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                raise UserError(f"dataset synthetic: {name}={value!r} must be a {'whole ' if whole else ''}number")
            if not low <= value <= high:
                raise UserError(f"dataset synthetic: {name}={value!r} must lie between {low} and {high}")
            if not whole:
                # 1 and 1.0 must give one fingerprint.
                object.__setattr__(self, name, float(value))
        if self.train_ids + self.test_ids > 9999:
            total = f"train_ids + test_ids = {self.train_ids + self.test_ids}"
            raise UserError(f"dataset synthetic: {total} must not exceed 9999, the identities the MARS layout can name")
        if self.detail + self.gait > 1:
            raise UserError(f"dataset synthetic: detail + gait = {self.detail + self.gait:g} must not exceed 1")

    @property
    def noted(self) -> dict[str, Any]:
        """All options but those of LATER that are at their defaults: what the stamp holds and the fingerprint is of."""
        defaults = _defaults()
        return {n: value for n, value in asdict(self).items() if n not in LATER or value != defaults[n]}

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits over the renderer's version and the options, as `noted`."""
        text = canonical_json({"generator": GENERATOR, **self.noted})
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def persons(options: SyntheticOptions) -> tuple[list[Person], list[Person]]:
    """The training and the test persons of a dataset; the numbers of their groups go on from one to the other."""
    train = population(Draws(options.seed, 1), factor_counts(options.train_ids, options.detail, options.gait))
    test = population(Draws(options.seed, 2), factor_counts(options.test_ids, options.detail, options.gait))
    groups = train[-1].group + 1
    return train, [replace(person, group=groups + person.group) for person in test]


def cameras(options: SyntheticOptions) -> list[Camera]:
    """The cameras of a dataset; camera number 1 comes first."""
    return draw_cameras(Draws(options.seed, 3), options.cameras, options.camera_shift)


def take_of(options: SyntheticOptions, identity: int, camera: int, track: int) -> Take:
    """The circumstances of one tracklet, by its numbers from 1."""
    draws = Draws(options.seed, 4, identity, camera, track)
    return draw_take(draws, options.frames, options.occlusion, rate=options.rate, misalignment=options.misalignment)


SHEET_LABELS, SHEET_GAP = 120, 12
"""Pixels of a sample sheet left of its rows, for what they are called, and between two persons."""


def sample_sheet(found: Dataset, path: Path) -> None:
    """Draws a PNG: for each factor two look-alikes, each before two cameras, a tracklet a row, its first 8 frames.

    Left of each row stands whose it is; a gap parts the persons.
    """
    strips: list[tuple[int, str, Image.Image]] = []
    for factor in sorted({str(t.traits.get("factor", "")) for t in found.query}):
        some = [t for t in found.query if t.traits.get("factor", "") == factor]
        group = [t for t in some if t.traits.get("group") == some[0].traits.get("group")]
        identities, views = sorted({t.identity for t in group})[:2], sorted({t.camera for t in group})[:2]
        for tracklet in (t for t in group if t.identity in identities and t.camera in views):
            pictures = [np.asarray(Image.open(found.root / frame)) for frame in tracklet.frames[:8]]
            strip = Image.fromarray(np.concatenate(pictures, axis=1))
            twin = f"{factor}\ntwin {'AB'[identities.index(tracklet.identity)]},\n" if factor else ""
            large = strip.resize((3 * strip.width, 3 * strip.height), Image.Resampling.NEAREST)
            strips.append((tracklet.identity, f"{twin}camera {tracklet.camera}", large))
    width, height = strips[0][2].size
    persons = list(dict.fromkeys(identity for identity, _, _ in strips))
    whole = len(strips) * height + (len(persons) - 1) * SHEET_GAP
    sheet = Image.new("RGB", (SHEET_LABELS + width, whole), "white")
    text: Any = {"font": ImageFont.load_default(20), "fill": "black", "align": "right", "anchor": "rm"}
    for place, (identity, about, strip) in enumerate(strips):
        top = place * height + persons.index(identity) * SHEET_GAP
        sheet.paste(strip, (SHEET_LABELS, top))
        ImageDraw.Draw(sheet).multiline_text((SHEET_LABELS - 10, top + height / 2), about, **text)
    with replacing(path) as temporary:
        sheet.save(temporary, "png")


def _defaults() -> dict[str, Any]:
    return {n: p.default for n, p in inspect.signature(synthetic).parameters.items() if n != "root"}


def _off_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value != _defaults()[name]}


def _write(folder: Path, options: SyntheticOptions) -> None:
    train, test = persons(options)
    everybody = [*train, *test]
    views = cameras(options)
    shots = [
        Shot("train" if identity <= len(train) else "test", identity, camera, track)
        for identity in range(1, len(everybody) + 1)
        for camera in range(1, options.cameras + 1)
        for track in range(1, options.tracklets + 1)
    ]

    def film(shot: Shot) -> Footage:
        person = everybody[shot.identity - 1]
        take = take_of(options, shot.identity, shot.camera, shot.track)
        pixels = render(person, take, views[shot.camera - 1], options.height, options.width)
        twins = {"group": f"g{person.group}", "factor": person.factor} if person.factor else {}
        return Footage(pixels, take.quality, {**twins, "occluded": int(take.occluder is not None)})

    write_layout(folder, shots, film, {"generator": GENERATOR, "options": options.noted})


def _stored_options(root: Path, given: Mapping[str, Any]) -> SyntheticOptions:
    """The options a folder was written with. Those given must agree with them."""
    stamp = read_stamp(root)
    if stamp["generator"] != GENERATOR:
        raise UserError(
            f"{root}: drawn by version {stamp['generator']} of the renderer, this is {GENERATOR}: write it again"
        )
    stored = SyntheticOptions.of(**stamp["options"])
    asked = SyntheticOptions.of(**{**asdict(stored), **given})
    for name in given:
        kept, wanted = getattr(stored, name), getattr(asked, name)
        if wanted != kept:
            raise UserError(f"{root}: was written with {name}={kept!r}, not {wanted!r}: leave {name} out")
    return stored


def _read(root: Path, options: SyntheticOptions) -> Dataset:
    """Reads the folder back as MARS is read, and compares it and the size of its frames with what its stamp notes."""
    stamp = read_stamp(root)
    found = read_layout(root, name="synthetic")
    noted = (stamp["options"], stamp["fingerprint"], stamp["jpeg_bytes"])
    if noted != (options.noted, found.fingerprint, frame_bytes(root)):
        if cut := cut_frame(root):
            raise UserError(f"{cut}: damaged since it was written: delete {root}, and write it again")
        raise UserError(f"{root}: was changed since it was written: delete the folder, and write it again")
    each = options.cameras * options.tracklets
    train, test = options.train_ids * each, options.test_ids * each
    counts = {"training tracklets": train, "training frames": train * options.frames, "queries": test}
    release = Release("synthetic data of these options", counts, MARS.files)
    about = f"{found.about}; seed {options.seed}, pixels {stamp['content'][:12]}. {LIMITS}"
    return replace(found, fingerprint=options.fingerprint, about=about, release=release)
