"""BiCnet-TKS and its parts: two branches at two sizes, cross-scale paths, diverse attentions, temporal kernels.

BiCnet-TKS: Learning Efficient Spatial-Temporal Representation for Video Person Re-Identification, Hou et al.,
CVPR 2021; the authors' release is github.com/blue-blue272/BiCnet-TKS.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Loss, Output

from .attention import PixelAttention, RowAttention, dot_product_divergence, overlap_divergence
from .head import batch_norm_neck, identity_classifier, max_pool
from .resnet import ResNet, fold_frames, load_backbone
from .temporal import TemporalKernelSelection, check_kernels

CSP_STAGES = (1, 2, 3)
DAO_STAGE = 3
DIVERGENCE_WEIGHT = 0.01
CHOICES = {
    "variant": ("release", "paper"),
    "attention": ("dao", "ao", "none"),
    "temporal": ("tks", "tk", "none"),
    "small": (None, "input", "stem"),
}


@model(
    presets={
        "two_branch": {"csp": False, "attention": "none"},
        "bicnet_tk": {"temporal": "tk"},
        "bicnet_tks": {"temporal": "tks"},
    }
)
def bicnet(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    frames: int = 8,
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
    alpha: int = 3,
    csp: bool = True,
    attention: str = "dao",
    temporal: str = "none",
    kernels: tuple[int, ...] = (3, 5),
    stages: tuple[int, ...] = (2,),
    regions: tuple[int, int] = (4, 2),
    tks_scale: float = 0.0,
    small: str | None = None,
    variant: str = "release",
) -> BiCnet:
    """One frame in 1 + alpha at full size, the others at half; the two branches share a trunk.

    `size` is the (height, width) of the clips in pixels. `csp` adds the cross-scale paths after stages 1 to 3.
    `attention` is "dao", "ao" (without the divergence loss) or "none", after stage 3. `temporal` is "tks", "tk" (the
    plain mean of the paths) or "none", after each of `stages`, with `kernels` (of 3, 5, 7) over `regions` (rows,
    columns), or over as many as the small maps of that stage have positions; the batch norm of its output starts at
    `tks_scale`. `small` frames are halved at the "input" or after the "stem" (None: as the variant has it).

    `variant="release"` is the authors' code: groups of 1 + alpha frames, the first of each big; halving after the stem.
    `variant="paper"` follows the text: the first frames of the clip are the big ones; halving at the input; in each
    branch one attention module a frame over all positions, so that clips must have `frames` frames (the release does
    not use that number); Eq. 5 summed over both branches; Eq. 7 with CxC matrices; TKS without a batch norm; average
    pooling. The text leaves open, and we chose: the weight of Eq. 5 (the release's 0.01), the residual of DAO (see
    `PixelAttention`), whether stage 4 has a cross-scale path (no: the printed parameters exclude it), the order after
    stage 3 (TKS, then DAO) and the head (the release's).

    Raises ValueError for values that do not fit together, naming them.
    """
    for option, value in (("variant", variant), ("attention", attention), ("temporal", temporal), ("small", small)):
        if value not in CHOICES[option]:
            raise ValueError(f"{option}={value!r}: choose one of {', '.join(map(repr, CHOICES[option]))}")
    if alpha < 1:
        raise ValueError(f"alpha={alpha}: each big frame has at least 1 small one")
    paper = variant == "paper"
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    _check_size(size, 2 * trunk.strides[DAO_STAGE - 1], 2 * trunk.strides[DAO_STAGE - 1], "the two branches")

    paths, dao, tks = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
    if csp:
        paths = nn.ModuleDict({str(s): _cross_scale_path(trunk.channels[s - 1], alpha) for s in CSP_STAGES})
    if attention != "none":
        make = _pixel_attention if paper else _row_attention
        dao = make(trunk, size, _run(frames, alpha) if paper else (1, alpha))
    if temporal != "none":
        check_kernels(kernels)
        fusion = "mean" if temporal == "tk" else "full" if paper else "bottleneck"
        for stage, parts in _regions(size, trunk, stages, regions).items():
            tks[str(stage)] = TemporalKernelSelection(
                trunk.channels[stage - 1], kernels, fusion, parts, None if paper else tks_scale
            )
    return BiCnet(
        trunk,
        csp=paths,
        dao=dao,
        tks=tks,
        classes=classes,
        size=size,
        frames=frames,
        alpha=alpha,
        small=small or ("input" if paper else "stem"),
        diverse=attention == "dao",
        paper=paper,
    )


class BiCnet(nn.Module):
    """A network of two branches, assembled by `bicnet`.

    A clip is a row of *runs*, each of b big frames and the s = alpha * b small ones that follow: one run for every
    1 + alpha frames in the release, a single run in the paper. Within a run the branches hold `[N * b, C, H, W]` and
    `[N * s, C, H/2, W/2]`, and small frames j * alpha up to (j + 1) * alpha are the companions of big frame j.

    Output: `feature` `[B, channels]`; `losses` "divergence"; `maps` "dao_big" and "dao_small" `[B, frames of the
    branch, h, w]`, which sum to one over (h, w) (rows only, w = 1, in the release), and for each TKS block
    "tks_stage2" `[B, K, 1, 1]`, the weights of its paths averaged over the channels. Raises ValueError for clips of
    another size or a wrong number of frames.
    """

    def __init__(
        self,
        trunk: ResNet,
        *,
        csp: nn.ModuleDict,
        dao: nn.ModuleDict,
        tks: nn.ModuleDict,
        classes: int,
        size: tuple[int, int],
        frames: int,
        alpha: int,
        small: str,
        diverse: bool,
        paper: bool,
    ) -> None:
        super().__init__()
        features = trunk.channels[-1]
        self.size = tuple(size)
        self.frames = frames
        self.alpha = alpha
        self.small = small
        self.diverse = diverse
        self.paper = paper
        self.trunk = trunk
        self.halve = nn.MaxPool2d(2)
        self.csp = csp
        self.dao = dao
        self.tks = tks
        self.neck = batch_norm_neck(features)
        self.classifier = identity_classifier(features, classes) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        load_backbone(self.trunk, state)

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        batch, run = len(clips), self._run_of(clips)
        big, small = self._stem(frames, run)
        attention: dict[str, Tensor] = {}
        maps: dict[str, Tensor] = {}
        for number, stage in enumerate(self.trunk.stages, 1):
            name = str(number)
            big, small = stage(big), stage(small)
            if name in self.csp:
                small = self._cross(big, small, self.csp[name])
            if name in self.tks:
                big, small, weights = self.tks[name](big, small, batch, run)
                maps[f"tks_stage{name}"] = weights.detach().mean(2)[:, :, None, None]
            if number == DAO_STAGE and self.dao:
                big, attention["big"] = self.dao["big"](big)
                small, attention["small"] = self.dao["small"](small)
        feature = 0.5 * (self._pool(big, batch) + self._pool(small, batch))
        for branch, log in attention.items():
            maps[f"dao_{branch}"] = log.detach().exp().flatten(0, 1).unflatten(0, (batch, -1))
        if not self.training or self.classifier is None:
            return Output(feature, maps=maps)
        embedding = self.neck(feature)
        return Output(
            feature,
            logits=(self.classifier(embedding),),
            embeddings=(embedding,),
            losses=self._divergence(attention) if self.diverse else {},
            maps=maps,
        )

    def _run_of(self, clips: Tensor) -> tuple[int, int]:
        """The (b, s) big and small frames of a run of these clips."""
        length, size = clips.shape[1], tuple(clips.shape[3:])
        if size != self.size:
            raise ValueError(f"clips are {size[0]}x{size[1]}, the model was built for {self.size[0]}x{self.size[1]}")
        big, small = _run(length, self.alpha)
        if not self.paper:
            return 1, self.alpha
        if self.dao and length != self.frames:
            raise ValueError(f"clips have {length} frames, the attention modules were built for frames={self.frames}")
        return big, small

    def _stem(self, frames: Tensor, run: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Frames `[B * T, 3, H, W]` to the first maps of both branches."""
        if self.small == "input":
            big, small = _split(frames, run)
            return self.trunk.stem(big), self.trunk.stem(F.avg_pool2d(small, 2))
        big, small = _split(self.trunk.stem(frames), run)
        return big, self.halve(small)

    def _cross(self, big: Tensor, small: Tensor, path: nn.Module) -> Tensor:
        """Eq. 2: channel group k of a big frame is added to the k-th of its small frames."""
        groups = path(self.halve(big)).unflatten(1, (self.alpha, -1))
        return (small.unflatten(0, (-1, self.alpha)) + groups).flatten(0, 1)

    def _pool(self, maps: Tensor, batch: int) -> Tensor:
        """Maps `[B * T', C, h, w]` to one vector a clip `[B, C]`, the mean over its T' frames."""
        vectors = maps.mean((2, 3)) if self.paper else max_pool(maps)
        return vectors.unflatten(0, (batch, -1)).mean(1)

    def _divergence(self, attention: Mapping[str, Tensor]) -> dict[str, Loss]:
        """Over pairs of frames of a run: in the release those of the small branch, in the paper those of both."""
        several = [log for log in attention.values() if log.shape[1] > 1]
        if not several:
            return {}
        measure = dot_product_divergence if self.paper else overlap_divergence
        return {"divergence": Loss(DIVERGENCE_WEIGHT, torch.stack([measure(log) for log in several]).sum())}


def _split(maps: Tensor, run: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Maps `[N * (b + s), C, H, W]` to the big `[N * b, ...]` and small `[N * s, ...]` ones, both in channels_last.

    It slices with the channels last, for flattening a slice of the usual order would copy to that order first.
    """
    runs = maps.permute(0, 2, 3, 1).unflatten(0, (-1, sum(run)))
    big, small = (part.flatten(0, 1).permute(0, 3, 1, 2) for part in runs.split(run, 1))
    return big.contiguous(memory_format=torch.channels_last), small.contiguous(memory_format=torch.channels_last)


def _run(length: int, alpha: int) -> tuple[int, int]:
    """How many big and small frames `length` frames are, at alpha small ones for each big one."""
    if length < 1 or length % (1 + alpha):
        raise ValueError(f"a clip of {length} frames: with alpha={alpha} it must be a multiple of {1 + alpha}")
    return length // (1 + alpha), length // (1 + alpha) * alpha


def _cross_scale_path(channels: int, alpha: int) -> nn.Conv2d:
    path = nn.Conv2d(channels, alpha * channels, 1, bias=False)
    return path.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _row_attention(trunk: ResNet, size: tuple[int, int], run: tuple[int, int]) -> nn.ModuleDict:
    """Both branches attend over the rows of the small map."""
    channels, rows = trunk.channels[DAO_STAGE - 1], size[0] // trunk.strides[DAO_STAGE - 1] // 2
    return nn.ModuleDict({"big": RowAttention(channels, rows, run[0]), "small": RowAttention(channels, rows, run[1])})


def _pixel_attention(trunk: ResNet, size: tuple[int, int], run: tuple[int, int]) -> nn.ModuleDict:
    channels, stride = trunk.channels[DAO_STAGE - 1], trunk.strides[DAO_STAGE - 1]
    big, small = ((size[0] // s, size[1] // s) for s in (stride, 2 * stride))
    return nn.ModuleDict(
        {"big": PixelAttention(channels, big, run[0]), "small": PixelAttention(channels, small, run[1])}
    )


def _regions(
    size: tuple[int, int], trunk: ResNet, stages: tuple[int, ...], most: tuple[int, int]
) -> dict[int, tuple[int, int]]:
    """The (rows, columns) of regions after each stage: `most`, or as many as its small maps have positions."""
    if not stages or len(set(stages)) < len(stages) or not set(stages) <= {1, 2, 3, 4}:
        raise ValueError(f"stages={tuple(stages)}: give some of 1, 2, 3, 4, each once")
    if min(most) < 1:
        raise ValueError(f"regions={tuple(most)}: give at least 1 row and 1 column")
    found = {}
    for stage in stages:
        cell = 2 * trunk.strides[stage - 1]
        rows, columns = (max(1, min(parts, length // cell)) for parts, length in zip(most, size, strict=True))
        _check_size(size, cell * rows, cell * columns, f"{rows}x{columns} regions after stage {stage}")
        found[stage] = rows, columns
    return found


def _check_size(size: tuple[int, int], rows: int, columns: int, what: str) -> None:
    height, width = size
    if min(height, width) < 1 or height % rows or width % columns:
        raise ValueError(f"size={height}x{width}: {what} need a height in multiples of {rows}, a width of {columns}")
