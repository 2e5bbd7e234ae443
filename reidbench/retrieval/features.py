"""From tracklets to the vectors that are compared."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from reidbench.data.census import undressed
from reidbench.data.clips import evaluation_clips, normalise
from reidbench.data.frames import CACHE_LIMIT, Frames, in_turn, open_frames
from reidbench.data.tracklets import DISTRACTOR, JUNK, Dataset, Tracklet
from reidbench.distributed import current
from reidbench.precision import PRECISIONS
from reidbench.recipes import Recipe
from reidbench.retrieval.mapped import UnitVectors
from reidbench.retrieval.shards import own, whole
from reidbench.spec import ANY, Advance, Protocol, UserError

CLIPS_AT_ONCE = 32
"""Clips in a forward pass: with the frames of these alone in memory, a tracklet may have any length."""


class UnfitClips(UserError):
    """The model cannot take clips of the length that a protocol asks for."""


class Pooling(NamedTuple):
    """What of a protocol decides a tracklet's vector: frames a clip, and `Protocol.clips` and `neck`."""

    frames: int
    clips: str
    neck: str

    @classmethod
    def of(cls, protocol: Protocol, frames: int) -> Pooling:
        """A protocol's, where the recipe's clips have `frames` frames. Raises UserError for values that are unknown."""
        for option, known in (("clips", ("all", "first", "restricted")), ("neck", ("after", "before"))):
            if (value := getattr(protocol, option)) not in known:
                raise UserError(f"protocol {protocol.name}: {option} is {value!r}; choose {', '.join(known)}")
        return cls(protocol.frames or frames, protocol.clips, protocol.neck)

    @property
    def clips_of(self) -> tuple[int, bool]:
        """What poolings of the same clips have alike: the length, and whether frames are chosen all over a tracklet."""
        return self.frames, self.clips == "restricted"


@dataclass(frozen=True)
class Features:
    """What retrieval knows of N tracklets.

    `vectors` float32 [N, D] (of unit length where the protocol's distance is the cosine; of a memory map, when they
    are read), `identities` and `cameras` int64 [N], `groups` str [N], the group of look-alikes each is of (""
    for none), `clothes` str [N], what each wears of its identity's own ("" where nobody says), and `names` str [N], the
    path of each tracklet's first frame.
    """

    vectors: np.ndarray | UnitVectors
    identities: np.ndarray
    cameras: np.ndarray
    groups: np.ndarray
    clothes: np.ndarray
    names: np.ndarray

    def __len__(self) -> int:
        return len(self.identities)

    def take(self, rows: slice | np.ndarray) -> Features:
        """Those at some positions, or where a mask is True."""
        return Features(*(getattr(self, column.name)[rows] for column in fields(self)))

    def matches(self, row: int, gallery: Features, places: np.ndarray, protocol: Protocol) -> np.ndarray:
        """Which of some entries of a gallery, all of a query's identity, that query is to find, bool [places].

        They are before another camera, in the clothes that the protocol wants. The others are left out of its ranking.
        """
        elsewhere: np.ndarray = gallery.cameras[places] != self.cameras[row]
        if protocol.clothes == ANY:
            return elsewhere
        same = gallery.clothes[places] == self.clothes[row]
        return elsewhere & (same if protocol.clothes == "same" else ~same)


@dataclass(frozen=True)
class Embedded:
    """The test tracklets of a dataset with their vectors by every pooling that was asked for.

    `tracklets` are the queries, then the gallery without junk; `vectors` float32 [tracklets, D] of any length; `frames`
    the recipe's clip length. `refused` says of clip lengths why the model could not take them.
    """

    dataset: Dataset
    tracklets: tuple[Tracklet, ...]
    vectors: Mapping[Pooling, np.ndarray]
    frames: int
    refused: Mapping[int, str] = field(default_factory=dict)

    def fits(self, protocol: Protocol) -> bool:
        """Whether the tracklets were embedded as a protocol asks for, and are such as it is about."""
        return Pooling.of(protocol, self.frames) in self.vectors and not lack_clothes(self.tracklets, protocol)

    def under(self, protocol: Protocol) -> tuple[Features, Features]:
        """The features of the queries and of the gallery that a protocol puts them to, the queries first if in it.

        Raises UserError if they were not embedded as the protocol asks for, or do not say what it goes by.
        """
        pooling = Pooling.of(protocol, self.frames)
        if pooling not in self.vectors:
            reason = self.refused.get(pooling.frames, f"these features are not of {_pooling_text(pooling)}")
            raise UserError(f"protocol {protocol.name}: {reason}")
        check_dressed(self.tracklets, protocol)
        vectors = self.vectors[pooling]
        everything = _features(self.tracklets, _unit(vectors) if protocol.distance == "cosine" else vectors)
        queries = len(self.dataset.query)
        gallery = everything if holds_queries(self.dataset, protocol) else everything.take(slice(queries, None))
        dropped = np.isin(gallery.identities, left_out(protocol))
        return everything.take(slice(queries)), gallery.take(~dropped) if dropped.any() else gallery


def embed_dataset(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    protocol: Protocol,
    *,
    device: torch.device | str,
    progress: Advance | None = None,
) -> tuple[Features, Features]:
    """The features of a dataset's queries and of the gallery that `protocol` puts them to.

    The gallery holds the queries first where they belong in it; junk, and distractors where the protocol drops them,
    are not embedded at all. The model is on `device`; its modules are in evaluation mode meanwhile, and in their own
    afterwards. Raises UserError if the protocol goes by what the dataset does not say.
    """
    check_dressed((*dataset.query, *dataset.gallery), protocol)
    return embed_test(model, dataset, recipe, [protocol], device=device, progress=progress).under(protocol)


def embed_test(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    protocols: Sequence[Protocol],
    *,
    device: torch.device | str,
    progress: Advance | None = None,
) -> Embedded:
    """The test tracklets of a dataset, embedded for all of some protocols: one pass over the same clips for all.

    A length that the model cannot take is noted where there are others; else it raises UnfitClips.
    """
    device, dropped = torch.device(device), left_out(*protocols)
    tracklets = (*dataset.query, *(t for t in dataset.gallery if t.identity not in dropped))
    passes: dict[tuple[int, bool], dict[Pooling, None]] = {}
    for protocol in protocols:
        pooling = Pooling.of(protocol, recipe.frames)
        passes.setdefault(pooling.clips_of, {})[pooling] = None
    vectors: dict[Pooling, np.ndarray] = {}
    refused: dict[int, str] = {}
    for (length, _), poolings in passes.items():
        try:
            vectors |= embed(model, dataset, tracklets, recipe, poolings, device=device, progress=progress)
        except UnfitClips as error:
            if len({length for length, _ in passes}) == 1:
                raise
            refused[length] = str(error)
    return Embedded(dataset, tracklets, vectors, recipe.frames, refused)


def gallery_of(dataset: Dataset, protocol: Protocol) -> tuple[Tracklet, ...]:
    """The gallery that a protocol puts a dataset's queries to, the queries first where they belong in it, no junk."""
    rest = tuple(t for t in dataset.gallery if t.identity not in left_out(protocol))
    return (*dataset.query, *rest) if holds_queries(dataset, protocol) else rest


def left_out(*protocols: Protocol) -> tuple[int, ...]:
    """The identities that no ranking under these protocols has: junk, and distractors where all of them drop those."""
    return (JUNK,) if any(protocol.distractors for protocol in protocols) else (JUNK, DISTRACTOR)


def holds_queries(dataset: Dataset, protocol: Protocol) -> bool:
    """Whether the queries are in the gallery."""
    return dataset.queries_in_gallery if protocol.queries_in_gallery is None else protocol.queries_in_gallery


def lack_clothes(tracklets: Iterable[Tracklet], protocol: Protocol) -> bool:
    """Whether none of some tracklets says what is worn, though a protocol goes by that."""
    return protocol.clothes != ANY and not any(tracklet.worn for tracklet in tracklets)


def check_dressed(tracklets: Iterable[Tracklet], protocol: Protocol) -> None:
    """Raises UserError where a protocol goes by clothes and the tracklet of a person does not say what is worn."""
    if protocol.clothes == ANY:
        return
    persons = [tracklet for tracklet in tracklets if tracklet.identity > DISTRACTOR]
    if unsaid := undressed(persons):
        raise UserError(
            f"protocol {protocol.name}: {len(unsaid)} of {len(persons)} tracklets of persons do not say what is worn, "
            f"the first {unsaid[0].frames[0]}; name it (`clothes` of a list, a file or a reader's traits), or give "
            "another protocol"
        )


def embed(
    model: nn.Module,
    dataset: Dataset,
    tracklets: Sequence[Tracklet],
    recipe: Recipe,
    poolings: Iterable[Pooling],
    *,
    device: torch.device,
    cache_limit: int = CACHE_LIMIT,
    progress: Advance | None = None,
) -> dict[Pooling, np.ndarray]:
    """For each pooling the vectors of `tracklets`, float32 [tracklets, D], made in one pass: all are of the same clips.

    A tracklet's vector is the mean of its clips' features, then the neck (or the neck first, if the pooling says so).
    The model is on `device`; its modules are in evaluation mode meanwhile, and in their own afterwards. Frame size and
    precision are the recipe's. Clips of many
    tracklets share a batch. Joined processes share the tracklets, and each is given the vectors of all. Raises
    UnfitClips for a length that the model cannot take, UserError for vectors that are not finite.
    """
    limit = cache_limit // current().local_world
    frames = open_frames(dataset, own(tracklets), recipe.size, limit=limit, progress=progress)
    vectors: dict[Pooling, np.ndarray] = {}
    with _evaluating(model), torch.inference_mode():
        for pooling, mean in _mean_clips(model, frames, recipe, tuple(poolings), device, progress).items():
            vector = model.neck(mean) if pooling.neck == "after" else mean  # type: ignore[operator]
            vectors[pooling] = _finite(vector.float().cpu().numpy())
    return whole(vectors, len(tracklets))


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Has a model in evaluation mode, and leaves each of its modules in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _mean_clips(
    model: nn.Module,
    frames: Frames,
    recipe: Recipe,
    poolings: Sequence[Pooling],
    device: torch.device,
    progress: Advance | None,
) -> dict[Pooling, Tensor]:
    """For each pooling of the same clips the mean of every tracklet's clips, float32 [tracklets, D]."""
    which = "all" if any(pooling.clips == "all" for pooling in poolings) else poolings[0].clips
    owners, numbers = all_clips(frames, poolings[0].frames, which)
    is_first = np.diff(owners, prepend=-1) > 0
    sums: dict[Pooling, Tensor] = {}
    dtype = PRECISIONS[recipe.precision]

    def load(first: int) -> Tensor:
        return frames.gather(numbers[first : first + CLIPS_AT_ONCE])

    for first, pixels in in_turn(load, range(0, len(owners), CLIPS_AT_ONCE), device):
        part = slice(first, first + CLIPS_AT_ONCE)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            each = _clip_features(model, normalise(pixels.to(device)), {pooling.neck for pooling in poolings})
        for pooling in poolings:
            feature, rows = each[pooling.neck].float(), owners[part]
            if pooling.clips == "first":
                feature, rows = feature[torch.from_numpy(is_first[part]).to(device)], rows[is_first[part]]
            if pooling not in sums:
                sums[pooling] = torch.zeros(len(frames.starts) - 1, feature.shape[1], device=device)
            sums[pooling].index_add_(0, torch.from_numpy(rows).to(device), feature)
        if progress:
            progress(min(part.stop, len(owners)), len(owners), "clips embedded")
    assert sums, "embed was given no tracklets"
    counts = torch.from_numpy(np.bincount(owners)).to(device)[:, None]
    return {pooling: total / counts if pooling.clips == "all" else total for pooling, total in sums.items()}


def _clip_features(model: nn.Module, clips: Tensor, necks: Iterable[str]) -> dict[str, Tensor]:
    """The clips' features, as they are for a neck "after" the mean, and through it for "before"."""
    try:
        feature = model(clips).feature
    except ValueError as error:
        raise UnfitClips(
            f"the model cannot take clips of {clips.shape[1]} frames of {clips.shape[3]}x{clips.shape[4]}: {error}"
        ) from error
    return {neck: model.neck(feature) if neck == "before" else feature for neck in necks}  # type: ignore[operator]


def all_clips(frames: Frames, length: int, which: str) -> tuple[np.ndarray, np.ndarray]:
    """Of all clips, in order: the position of its tracklet [clips], and the numbers of its frames [clips, length]."""
    owners: list[np.ndarray] = []
    numbers: list[np.ndarray] = []
    for row, (start, end) in enumerate(zip(frames.starts, frames.starts[1:], strict=False)):
        clips = start + evaluation_clips(int(end - start), length, which)
        owners.append(np.full(len(clips), row))
        numbers.append(clips)
    return np.concatenate(owners), np.concatenate(numbers)


def _unit(vectors: np.ndarray) -> np.ndarray | UnitVectors:
    if isinstance(vectors, np.memmap):
        return UnitVectors(vectors)
    return functional.normalize(torch.from_numpy(vectors), dim=1).numpy()


def _features(tracklets: Sequence[Tracklet], vectors: np.ndarray | UnitVectors) -> Features:
    return Features(
        vectors,
        np.array([t.identity for t in tracklets], dtype=np.int64),
        np.array([t.camera for t in tracklets], dtype=np.int64),
        np.array([str(t.traits.get("group", "")) for t in tracklets]),
        np.array([t.worn for t in tracklets]),
        np.array([t.frames[0] for t in tracklets]),
    )


def _finite(vectors: np.ndarray) -> np.ndarray:
    """The vectors as they are. Infinite ones and NaN would be ranked, and a network that overflows be called bad."""
    if bad := int((~np.isfinite(vectors).all(axis=1)).sum()):
        raise UserError(f"the vectors of {bad} of {len(vectors)} tracklets are not finite, so they cannot be ranked")
    return vectors


def _pooling_text(pooling: Pooling) -> str:
    which = {"all": "all frames in", "first": "the first of the", "restricted": "frames all over a tracklet in"}
    return f"{which[pooling.clips]} {pooling.frames}-frame clips, the neck {pooling.neck} the mean"
