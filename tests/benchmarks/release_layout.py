"""Base-B and BiCnet-TKS in the layout of the authors' release, with the weights of ours: what speed is compared with.

Clips are `[B, 3, T, H, W]`, contiguous, and stay five-dimensional throughout; every spatial convolution is a `Conv3d`
with a kernel (1, k, k), every norm of maps a `BatchNorm3d`; frames attend one after the other, and temporal kernels
are normalised after their repetition. The layout is the release's (github.com/blue-blue272/BiCnet-TKS), the code is
ours: it computes what our models compute, which `test_release_layout.py` checks in double precision.
"""

from __future__ import annotations

import copy
import math
from itertools import combinations

import torch
import torch.nn.functional as F
from reidbench.models.attention import RowAttention
from reidbench.models.baseline import Baseline
from reidbench.models.bicnet import CSP_STAGES, DAO_STAGE, DIVERGENCE_WEIGHT, BiCnet
from reidbench.models.temporal import TemporalKernelSelection
from torch import Tensor, nn

from reidbench.profiling.latency import Run, random_clips
from reidbench.spec import COST_SHAPE, Loss, Output


def release_layout(model: nn.Module) -> nn.Module:
    """A copy of our Base-B or BiCnet-TKS in the release's layout, in the same mode; it takes `release_clips(clips)`.

    Raises ValueError for another model, or a variant that the release does not have.
    """
    if isinstance(model, Baseline) and model.shrink == (1,):
        return ReleaseBaseline(model).train(model.training)
    if isinstance(model, BiCnet) and not model.paper and model.csp and model.dao and model.tks:
        return ReleaseBiCnet(model).train(model.training)
    raise ValueError(f"{type(model).__name__}: only Base-B and BiCnet-TKS as released have a reference")


def release_clips(clips: Tensor) -> Tensor:
    """Clips `[B, T, 3, H, W]` as the release's loader hands them over: `[B, 3, T, H, W]`, contiguous."""
    return clips.transpose(1, 2).contiguous()


def release_inference(model: nn.Module, *, device: str = "cpu") -> Run:
    """A call that sends one clip at the paper's scale through the release's layout of a model of ours."""
    reference = release_layout(model).to(device).eval()
    clips = release_clips(random_clips(COST_SHAPE, 0, device=device))

    def run() -> object:
        with torch.inference_mode():
            return reference(clips)

    return run


class ReleaseBaseline(nn.Module):
    def __init__(self, model: Baseline) -> None:
        super().__init__()
        self.trunk = inflated(model.trunk)
        self.neck, self.classifier = _head(model)

    def forward(self, clips: Tensor) -> Output:
        return _output(self, _pooled(self.trunk(clips)), {})


class ReleaseBiCnet(nn.Module):
    def __init__(self, model: BiCnet) -> None:
        super().__init__()
        self.alpha = model.alpha
        self.halved_at = model.small
        self.trunk = inflated(model.trunk)
        self.csp = inflated(model.csp)
        self.dao = nn.ModuleDict({branch: FrameAttention(model.dao[branch]) for branch in ("big", "small")})
        self.tks = nn.ModuleDict({stage: TemporalKernels(block) for stage, block in model.tks.items()})
        self.neck, self.classifier = _head(model)

    def forward(self, clips: Tensor) -> Output:
        big, small = self._stem(clips)
        for number, stage in enumerate(self.trunk.stages, 1):
            name = str(number)
            big, small = stage(big), stage(small)
            if number in CSP_STAGES:
                small = small + self._paths(self.csp[name], big)
            if name in self.tks:
                big, small = self.tks[name](big, small)
            if number == DAO_STAGE:
                big, _ = self.dao["big"](big)
                small, attention = self.dao["small"](small)
        feature = 0.5 * (_pooled(big) + _pooled(small))
        return _output(self, feature, {"divergence": Loss(DIVERGENCE_WEIGHT, divergence(attention))})

    def _stem(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        if self.halved_at == "input":
            big, small = self._split(clips)
            return self.trunk.stem(big), self.trunk.stem(F.avg_pool3d(small, (1, 2, 2)))
        big, small = self._split(self.trunk.stem(clips))
        return big, F.max_pool3d(small, (1, 2, 2))

    def _split(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """The first of every 1 + alpha frames, and the others."""
        groups = maps.unflatten(2, (-1, 1 + self.alpha))
        return groups[:, :, :, 0].contiguous(), groups[:, :, :, 1:].flatten(2, 3)

    def _paths(self, path: nn.Module, big: Tensor) -> Tensor:
        groups = path(F.max_pool3d(big, (1, 2, 2))).unflatten(1, (self.alpha, -1))
        return groups.permute(0, 2, 3, 1, 4, 5).flatten(2, 3)


class FrameAttention(nn.Module):
    """DAO on one branch, frame by frame of each group, over rows."""

    def __init__(self, block: RowAttention) -> None:
        super().__init__()
        parts, learned = block.attention, block.attention.learned
        self.rows, self.frames = block.rows, block.frames
        self.norms = nn.ModuleList(_norm_part(block.norm, i, block.frames) for i in range(block.frames))
        self.scores, self.mixes, self.mix_norms = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i in range(learned):
            self.scores.append(_pointwise(parts.score.weight.chunk(learned)[i], parts.score.bias.chunk(learned)[i]))
            self.mixes.append(_pointwise(parts.mix.weight.chunk(learned)[i], parts.mix.bias.chunk(learned)[i]))
            self.mix_norms.append(_norm_part(parts.norm, i, learned))

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Maps `[B, C, G * frames, H, W]` to maps of that shape and attention `[B * G, frames, rows]`."""
        batch, height, width = maps.shape[0], *maps.shape[3:]
        pooled = F.avg_pool3d(maps, (1, height // self.rows, width)).unflatten(2, (-1, self.frames))
        found, attended = [], []
        for i, rows in enumerate(pooled.transpose(1, 2).flatten(0, 1).split(1, 2)):
            attention = self._scores(rows, i).softmax(3)
            attended.append(self.norms[i]((rows * attention).sum(3, keepdim=True)))
            found.append(attention.flatten(1))
        residual = torch.cat(attended, 2).unflatten(0, (batch, -1)).transpose(1, 2).flatten(2, 3)
        return maps + residual, torch.stack(found, 1)

    def _scores(self, rows: Tensor, frame: int) -> Tensor:
        """Rows `[N, C, 1, rows, 1]` to a score of each `[N, 1, 1, rows, 1]`: their mean in a group's first frame."""
        if frame == 0:
            return rows.mean(1, keepdim=True)
        scores = self.scores[frame - 1](rows).view(-1, self.rows, 1, 1, 1)
        return self.mix_norms[frame - 1](self.mixes[frame - 1](scores)).view(-1, 1, 1, self.rows, 1)


class TemporalKernels(nn.Module):
    """TKS over all frames in their order."""

    def __init__(self, block: TemporalKernelSelection) -> None:
        super().__init__()
        self.regions = block.regions
        self.paths = nn.ModuleList(_temporal(path) for path in block.kernels.paths)
        first, norm, _, second = block.kernels.select
        self.select = nn.Sequential(
            _pointwise(first.weight), _norm_part(norm, 0, 1), nn.ReLU(inplace=True), _pointwise(second.weight)
        )
        self.norm = _norm_part(block.norm, 0, 1)

    def forward(self, big: Tensor, small: Tensor) -> tuple[Tensor, Tensor]:
        groups = big.shape[2]
        parts = [self._partition(maps).unflatten(2, (groups, -1)) for maps in (big, small)]
        x = torch.cat(parts, 3).flatten(2, 3)
        paths = [path(x) for path in self.paths]
        weights = self.select(torch.stack(paths).sum(0).mean((2, 3, 4), keepdim=True))
        weights = weights.unflatten(1, (len(paths), -1)).softmax(1)
        fused = torch.stack([path * weights[:, i] for i, path in enumerate(paths)]).sum(0)
        frames = fused.unflatten(2, (groups, -1))
        return self._excite(big, frames[:, :, :, :1]), self._excite(small, frames[:, :, :, 1:])

    def _partition(self, maps: Tensor) -> Tensor:
        return F.avg_pool3d(maps, (1, maps.shape[3] // self.regions[0], maps.shape[4] // self.regions[1]))

    def _excite(self, maps: Tensor, frames: Tensor) -> Tensor:
        return maps + self.norm(F.interpolate(frames.flatten(2, 3), size=maps.shape[2:], mode="nearest"))


def divergence(attention: Tensor) -> Tensor:
    """Of attention `[N, frames, rows]`, pair by pair of frames; the first frame's is a constant."""
    first, *others = attention.unbind(1)
    roots = [first.detach().sqrt(), *(other.sqrt() for other in others)]
    total = attention.new_zeros(())
    for a, b in combinations(roots, 2):
        pair = torch.stack((a, b), 1)
        gram = torch.bmm(pair, pair.transpose(1, 2)) - torch.eye(2, dtype=pair.dtype, device=pair.device)
        total = total + gram.square().sum((1, 2)).sqrt().mean() / 4
    return total / math.comb(len(roots), 2)


def inflated(module: nn.Module) -> nn.Module:
    """A copy in which convolutions, norms and pools of two dimensions are those of three, a frame thick."""
    if isinstance(module, nn.Conv2d):
        return _inflated_convolution(module)
    if isinstance(module, nn.BatchNorm2d):
        return _norm_part(module, 0, 1)
    if isinstance(module, nn.MaxPool2d):
        size, stride, padding = int(module.kernel_size), int(module.stride), int(module.padding)
        return nn.MaxPool3d((1, size, size), (1, stride, stride), (0, padding, padding))
    twin = copy.deepcopy(module)
    for name, child in module.named_children():
        setattr(twin, name, inflated(child))
    return twin


def _inflated_convolution(layer: nn.Conv2d) -> nn.Conv3d:
    return _convolution(layer.weight.unsqueeze(2), stride=(1, *layer.stride), padding=(0, *map(int, layer.padding)))


def _temporal(layer: nn.Conv2d) -> nn.Conv3d:
    """From frames and regions `[B, C, T, R]` to frames, rows and columns."""
    taps = layer.dilation[0]
    return _convolution(layer.weight.unsqueeze(3), padding=(taps, 0, 0), dilation=(taps, 1, 1))


def _pointwise(weight: Tensor, bias: Tensor | None = None) -> nn.Conv3d:
    """From the weight `[out, in]`, or `[out, in, 1]`, of a linear layer."""
    return _convolution(weight.reshape(*weight.shape[:2], 1, 1, 1), bias)


def _convolution(
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: tuple[int, ...] = (1, 1, 1),
    padding: tuple[int, ...] = (0, 0, 0),
    dilation: tuple[int, ...] = (1, 1, 1),
) -> nn.Conv3d:
    outputs, inputs, *kernel = weight.shape
    geometry = {"kernel_size": tuple(kernel), "stride": stride, "padding": padding, "dilation": dilation}
    layer = nn.Conv3d(inputs, outputs, bias=bias is not None, **geometry, dtype=weight.dtype)  # type: ignore[arg-type]
    layer.weight.data.copy_(weight.detach())
    if bias is not None and layer.bias is not None:
        layer.bias.data.copy_(bias.detach())
    return layer


def _norm_part(norm: nn.Module, part: int, parts: int) -> nn.BatchNorm3d:
    """The `part`-th of so many equal parts of a batch norm's channels."""
    state = {name: value.chunk(parts)[part] if value.ndim else value for name, value in norm.state_dict().items()}
    layer = nn.BatchNorm3d(len(state["weight"]), dtype=state["weight"].dtype)
    layer.load_state_dict(state)
    return layer


def _head(model: Baseline | BiCnet) -> tuple[nn.Module, nn.Module | None]:
    return copy.deepcopy(model.neck), copy.deepcopy(model.classifier)


def _pooled(maps: Tensor) -> Tensor:
    """Maps `[B, C, T, h, w]` to the mean over frames of their maxima, `[B, C]`."""
    return F.max_pool3d(maps, (1, *maps.shape[3:])).flatten(2).mean(2)


def _output(model: ReleaseBaseline | ReleaseBiCnet, feature: Tensor, losses: dict[str, Loss]) -> Output:
    if not model.training or model.classifier is None:
        return Output(feature)
    embedding = model.neck(feature)
    return Output(feature, logits=(model.classifier(embedding),), embeddings=(embedding,), losses=losses)
