"""The vocabulary of the project: frozen dataclasses that every layer shares. Imports neither torch nor pandas."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from torch import Tensor

FORMAT = 1
"""Version of the record format; part of every cell's key."""

CLIP_FRAMES = 8
PAPER_SIZE = (256, 128)
"""Frames a clip and (height, width) of a frame in the paper: the scale at which costs are measured."""

NO_TRUNK = "none"
"""The kind of trunk of a model that stands on none of `reidbench.trunks`: it starts as it is built, or from a file."""

COST_SHAPE = (1, CLIP_FRAMES, 3, *PAPER_SIZE)
"""One clip [B, T, 3, H, W] at that scale."""

IEEE = "ieee32"
"""The precision of float32 throughout. On GPUs that have TF32 (NVIDIA's, from Ampere on) torch's own float32, `fp32`,
computes convolutions in it; older ones, the paper's among them, compute what this names. Attention is an exception:
torch's kernel for it makes one product of float32 of several in TF32, about as exact and of another speed."""


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, where, what to do. The exit code is 2."""

    def __str__(self) -> str:
        return printable(super().__str__())


def printable(text: str) -> str:
    """The text on one line that any terminal can show: names of files may hold line ends, escapes, or no Unicode."""
    if text.isprintable():
        return text
    spaced = " ".join(part for part in text.splitlines() if part)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in spaced)


@dataclass(frozen=True)
class Published:
    """Values of one row exactly as a publication prints them.

    `values` maps a key (`gflops`, `params`, `mAP`, `top1`, `latency_ms`, ...) to the printed string; `dataset` names
    the dataset of its accuracy values; `source` the publication's table.
    """

    values: Mapping[str, str]
    dataset: str = "mars"
    source: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a table: a model of the registry with its options, and what was published for it.

    Without a `model` the row shows only what was published, and `absent` says why, in words that follow the name in
    parentheses. `frames` are those of a clip, in training and for costs: a model that splits its frames over branches
    needs a multiple. `published` holds one entry a dataset. An `approximate` row is not the published method in every
    respect: it is marked, and the suite's notes say why. `recipe` holds what the row's training has otherwise than the
    preset's recipe, under any preset. `against` names the row that its accuracy is compared with, where that is not the
    suite's reference.
    """

    name: str
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    frames: int = CLIP_FRAMES
    approximate: bool = False
    absent: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    against: str = ""

    def publication(self, key: str, dataset: str = "") -> Published | None:
        """What was published under a key, on a dataset where one is named; None if nothing was."""
        found = (p for p in self.published if key in p.values and dataset in ("", p.dataset))
        return next(found, None)


@dataclass(frozen=True)
class Column:
    """One column of a table: a quantity of a measurement (`"accuracy.mAP"`).

    `published` is the key of `Published.values` it is compared with, `settings` what this column asks of the
    measurement beyond its defaults, such as `{"device": "cuda", "precision": "bf16"}`. `dataset` binds an accuracy to
    one dataset: measured where the plan trains on it, else only what was published. `data` are options that the plan's
    dataset is made with for this column, `level` the factor that they vary and its level there.
    """

    quantity: str
    published: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    dataset: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    level: tuple[str, float] = ("", 0.0)

    @property
    def measurement(self) -> str:
        return self.quantity.partition(".")[0]

    @property
    def field(self) -> str:
        return self.quantity.partition(".")[2]


@dataclass(frozen=True)
class Suite:
    """A table or figure to regenerate.

    `reference` names the row that latency ratios are taken to, `focus` the one that a report's verdict compares with
    it ("" where the suite proposes none), `figures` what is drawn of it (`reporting.figures`).
    Accuracies are compared with the reference row's (or `Row.against`), or in an `ablation`, where each row adds to the
    one above it, with that one's; and besides those of each pair (first, second) in `contrasts`, in every column.
    """

    title: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    reference: str
    source: str = ""
    notes: tuple[str, ...] = ()
    figures: tuple[str, ...] = ("accuracy", "rows", "latency", "factors")
    ablation: bool = False
    contrasts: tuple[tuple[str, str], ...] = ()
    focus: str = ""


@dataclass(frozen=True)
class Collection:
    """Suites by name that are run as one: what they share is measured once and in one session."""

    title: str
    suites: tuple[str, ...]


@dataclass(frozen=True)
class Quantity:
    """What one number of a measurement means.

    `better` is "lower", "higher" or "" (neither); `scale` multiplies the stored SI value for display (1e-9 shows
    operations as G) and `digits` are the decimals shown. `statistic` says how the number follows from a record:
    "value" (`values[field]`), "median" of `samples[sample]`, "ratio" (median of the pairwise quotients of `sample` and
    `over`), or "mean" of `sample`, whose interval is over the groups in sample `by`, where sample `where` is
    1. `chance` is the field of a value that, where nothing is at work, this one exceeds in at most 5 % of cases.
    """

    title: str
    unit: str
    better: str
    digits: int = 2
    scale: float = 1.0
    about: str = ""
    statistic: str = "value"
    sample: str = ""
    over: str = ""
    by: str = ""
    where: str = ""
    chance: str = ""


ANY = "any"
"""`Protocol.clothes` where clothes are not looked at."""


@dataclass(frozen=True)
class Protocol:
    """How features become an accuracy. Every accuracy carries its protocol's name.

    `clips` is "all" (all frames in chunks of the clip length, the tracklet loop-padded from its start), "first" (one
    clip from the first frames) or "restricted" (one clip, of the first frame of each of as many equal parts). `neck` is
    "after" or "before" the mean over clips. `queries_in_gallery` adds the query tracklets to the gallery (None: as the
    dataset prescribes). Same-identity same-camera entries and junk are always left out of a query's ranking;
    distractors stay unless `distractors` is False. `ap` is "rectangular" (mean precision at the positives) or
    "trapezoid" (the MARS authors' MATLAB). `frames` is the clip length (0: the recipe's).
    `distance` is "cosine" or "euclidean" (of the vectors as they are, at no unit length), and with `reranking` the
    distances are those of k-reciprocal re-ranking (`retrieval.reranking`). `clothes` says in which a query's identity
    is to be found: "any", "other" than the query's own, or the "same"; entries of it in others are left out.
    """

    name: str = "release"
    about: str = "all frames in 8-frame chunks, mean, neck, cosine; rectangular AP"
    clips: str = "all"
    neck: str = "after"
    queries_in_gallery: bool | None = None
    distractors: bool = True
    ap: str = "rectangular"
    frames: int = 0
    distance: str = "cosine"
    reranking: bool = False
    clothes: str = ANY

    @property
    def identity(self) -> dict[str, Any]:
        """What a cell's key holds of it: every field, but those in `LATER_FIELDS` only where they have been set."""
        return identity_of(self, LATER_FIELDS)


LATER_FIELDS = ("frames", "distance", "reranking", "clothes")
"""Fields of `Protocol` younger than the first records; see `identity_of`. A new field belongs here."""


def identity_of(part: DataclassInstance, later: Container[str]) -> dict[str, Any]:
    """The fields of a dataclass that a cell's identity holds.

    One that came `later` than the first records is left out at its default, where it changes no number, so that records
    made before it came stay valid.
    """
    return {
        each.name: value
        for each in fields(part)
        if (value := getattr(part, each.name)) != each.default or each.name not in later
    }


class Loss(NamedTuple):
    """An auxiliary loss term of a model: `weight * value` is added to the objective."""

    weight: float
    value: Tensor


@dataclass
class Output:
    """What a model returns for clips `[B, T, 3, H, W]`.

    `feature` `[B, D]` is what retrieval averages over a tracklet's clips, before the model's `neck`. In training,
    `logits` (each `[B, classes]`) and `embeddings` (each `[B, D_i]`, after the neck: what the metric loss sees) hold
    one entry a head, and `losses` the named auxiliary terms; in evaluation all three are empty. `maps` holds attention
    maps by name, each `[B, T', h, w]`, non-negative.
    """

    feature: Tensor
    logits: tuple[Tensor, ...] = ()
    embeddings: tuple[Tensor, ...] = ()
    losses: dict[str, Loss] = field(default_factory=dict)
    maps: dict[str, Tensor] = field(default_factory=dict)


EVALUATION = "evaluation"
"""The measurement under which evaluations of given weights are recorded. It is none of the registry's, so that no suite
takes such a record, which may be of any training, for that of a cell."""


@dataclass(frozen=True)
class Cell:
    """One thing to measure. Everything that can change its value is in `identity`, and only that.

    `row` is a label for people and files. `settings` are the measurement's (input shape, device, precision, recipe,
    dataset fingerprint, protocol, seed, ...), JSON values only.
    """

    row: str
    measurement: str
    model: str
    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    source: str

    @property
    def identity(self) -> dict[str, Any]:
        identity = {
            "format": FORMAT,
            "measurement": self.measurement,
            "model": self.model,
            "options": self.options,
            "settings": self.settings,
            "source": self.source,
        }
        return json.loads(canonical_json(identity))

    @cached_property
    def key(self) -> str:
        return key_of(self.identity)


def key_of(identity: Mapping[str, Any]) -> str:
    """A cell's key: twelve hexadecimal digits of the SHA-256 of its identity."""
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Places:
    """Where on this machine things lie: paths, which are no part of a cell's identity.

    `root` holds the dataset ("" where the dataset makes itself), `trunk` the weights that trunks start from where the
    recipe says "file". Workers find them in their environment.
    """

    root: str = ""
    trunk: str = ""

    @classmethod
    def from_environment(cls) -> Places:
        return cls(os.environ.get("REIDBENCH_ROOT", ""), os.environ.get("REIDBENCH_TRUNK", ""))

    def environment(self) -> dict[str, str]:
        return {"REIDBENCH_ROOT": self.root, "REIDBENCH_TRUNK": self.trunk}


STATUSES = ("ok", "failed", "out-of-memory")


@dataclass(frozen=True)
class Record:
    """The immutable result of one cell.

    `values` are numbers measured once, in SI units (bytes, seconds, operations); `samples` are raw repeated readings
    by name, warm-ups under a name of their own; `context` holds what else a reader needs (dataset content, peers of an
    interleaved session, ...). Statistics are derived when reading.
    """

    cell: Mapping[str, Any]
    key: str
    row: str
    status: str
    values: Mapping[str, float]
    samples: Mapping[str, list[float]]
    context: Mapping[str, Any]
    machine: str
    versions: Mapping[str, str]
    started: str
    seconds: float
    error: str = ""


Advance = Callable[[int, int, str], None]
"""How a long work tells where it is: called with what is done, how much there is in all, and a note."""


@dataclass
class Outcome:
    """What a measurement function yields for a cell: the part of a `Record` that it knows."""

    values: dict[str, float] = field(default_factory=dict)
    samples: dict[str, list[float]] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: keys sorted, no spaces, tuples as lists, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=dict)
