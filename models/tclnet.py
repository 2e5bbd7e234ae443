"""TCLNet: complementary features of consecutive frames by saliency erasing, and saliency boosting.

Temporal Complementary Learning for Video Person Re-Identification, Hou et al., ECCV 2020; after the authors' release,
github.com/blue-blue272/VideoReID-TCLNet.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output

from .head import batch_norm_neck, identity_classifier, max_pool
from .resnet import ResNet, fold_frames, load_backbone

SEGMENT = 4
LEARNERS = 2
ERASED_ROWS = 3
FULL_ROWS = 16
"""Rows of the map of stage 3 at 256x128, of which the release erases 3."""
TEMPERATURE = 5.0


@model()
def tclnet(
    *,
    classes: int = 0,
    size: tuple[int, int] = (256, 128),
    depth: int = 50,
    width: int = 64,
    blocks: tuple[int, ...] = (),
    last_stride: int = 1,
) -> TCLNet:
    """ResNet whose last block is two ordered learners, the second of which sees what the first left out.

    Clips are 4-frame segments. `size` is the (height, width) of the clips in pixels. Of the map of stage 3 the release
    erases 3 rows, whose height is 3/16 of the person at 256x128; where 1 comes nearer to that share, on maps of up to
    10 rows, it is 1, which is ours. Raises ValueError where the map has a single row.
    """
    trunk = ResNet(depth, width=width, blocks=blocks, last_stride=last_stride)
    rows = math.ceil(size[0] / trunk.strides[2])
    if rows < 2:
        raise ValueError(f"size={size[0]}x{size[1]}: erasing a row needs a height of at least {trunk.strides[2] + 1}")
    erased = ERASED_ROWS if ERASED_ROWS * rows >= 2 * FULL_ROWS else 1
    return TCLNet(trunk, classes, size, erased)


class TCLNet(nn.Module):
    """A ResNet with TSB after stage 2 and TSE around stage 4, assembled by `tclnet`.

    `trunk` lacks the last block of its stage 4, of which each learner has one of its own. Clips have a multiple of 4
    frames: each segment of 4 is on its own, and the segments' features are averaged. Of a segment's two pairs of
    consecutive frames the first frame goes to learner 1, the second to learner 2. Per frame a global max pool, then the
    mean over a learner's frames.

    Output: `feature` `[B, 2 * channels]`; one of `logits` and `embeddings` a learner; `maps` "tse_erased"
    `[B, T / 2, h, 1]`, 1 at the erased rows of every second frame. In training all segments share their batch
    statistics. Raises ValueError for clips of another size or a wrong number of frames.
    """

    def __init__(self, trunk: ResNet, classes: int, size: tuple[int, int], erased: int) -> None:
        super().__init__()
        features = trunk.channels[3]
        self.size = tuple(size)
        self.trunk = trunk
        self.tsb = SaliencyBoosting(trunk.channels[1])
        self.tse = SaliencyErasing(trunk.channels[2], features, trunk.layer4.pop(-1), erased)
        self.neck = PairNeck(features)
        heads = [identity_classifier(features, classes) for _ in range(LEARNERS)] if classes else []
        self.classifier = nn.ModuleList(heads) if classes else None

    def load_trunk(self, state: Mapping[str, Tensor]) -> None:
        """Loads a whole ResNet's weights: those of its last block go to both learners."""
        whole = copy.deepcopy(self.trunk)
        whole.layer4.append(copy.deepcopy(self.tse.learners[0]))
        load_backbone(whole, state)
        last = whole.layer4.pop(-1)
        self.trunk.load_state_dict(whole.state_dict())
        for learner in self.tse.learners:
            learner.load_state_dict(last.state_dict())

    def forward(self, clips: Tensor) -> Output:
        frames = fold_frames(clips)
        self._check(clips)
        x = self.trunk.layer2(self.trunk.layer1(self.trunk.stem(frames)))
        x = self.trunk.layer3(self.tsb(x))
        first, second, erased = self.tse(x, self.trunk.layer4)
        vectors = [max_pool(y).unflatten(0, (len(clips), -1)).mean(1) for y in (first, second)]
        feature = torch.cat(vectors, 1)
        maps = {"tse_erased": erased.unflatten(0, (len(clips), -1))}
        if not self.training or self.classifier is None:
            return Output(feature, maps=maps)
        embeddings = self.neck.normalise(feature)
        logits = tuple(head(embedding) for head, embedding in zip(self.classifier, embeddings, strict=True))
        return Output(feature, logits=logits, embeddings=embeddings, maps=maps)

    def _check(self, clips: Tensor) -> None:
        length, size = clips.shape[1], tuple(clips.shape[3:])
        if size != self.size:
            raise ValueError(f"clips are {size[0]}x{size[1]}, the model was built for {self.size[0]}x{self.size[1]}")
        if length < 1 or length % SEGMENT:
            raise ValueError(f"a clip of {length} frames: it must be a multiple of {SEGMENT}")


class SaliencyBoosting(nn.Module):
    """Temporal saliency boosting (TSB): each frame is shown what the others of its segment saw of the same thing.

    The query of a frame is its mean over positions, the keys are all positions of all frames, averaged over 2x2
    neighbours. The cosines, times 5, without those to its own frame, weigh the raw maps by a softmax. Their sum passes
    a linear layer and a batch norm that starts at zero, and is added at every position of the frame.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = _projection(channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps `[N * 4, C, H, W]` of N segments to maps of the same shape."""
        keys = F.avg_pool2d(F.pad(maps, (1, 0, 1, 0)), 2, stride=1)
        keys = F.normalize(_positions(keys).unflatten(0, (-1, SEGMENT)), dim=3)
        values = _positions(maps).unflatten(0, (-1, SEGMENT))
        queries = F.normalize(values.mean(2), dim=2)
        cosines = torch.matmul(queries, keys.flatten(1, 2).transpose(1, 2)).unflatten(2, (SEGMENT, -1))
        own = torch.eye(SEGMENT, dtype=torch.bool, device=maps.device)[:, :, None]
        weights = (TEMPERATURE * cosines).masked_fill(own, -torch.inf).flatten(2).softmax(2)
        seen = torch.matmul(weights, values.flatten(1, 2))
        return maps + self.project(seen.flatten(0, 1))[:, :, None, None]


class SaliencyErasing(nn.Module):
    """Temporal saliency erasing (TSE): the second frame of a pair loses what the first one's learner attended to.

    The mean of the first learner's map (no gradient) is correlated with every position of the second frame. The
    `erased` rows (an odd number, fewer at an edge) around the most similar row are erased; what is left, weighed by a
    softmax of the correlation over the remaining positions, passes a linear layer and a batch norm that starts at zero
    and is added everywhere, which is how the correlation learns. The first frame gets the same with uniform weights and
    nothing erased.
    """

    def __init__(self, channels: int, features: int, last_block: nn.Module, erased: int) -> None:
        super().__init__()
        self.erased = erased
        self.learners = nn.ModuleList([last_block, copy.deepcopy(last_block)])
        self.reduce = nn.Linear(features, channels, bias=False)
        nn.init.kaiming_normal_(self.reduce.weight, mode="fan_out", nonlinearity="relu")
        self.fill = _projection(channels)

    def forward(self, maps: Tensor, shared: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
        """Maps `[N * 2, C, H, W]` of N pairs to both learners' maps `[N, C', H', W']` and erased rows `[N, H, 1]`.

        `shared` is what precedes the learners in stage 4.
        """
        pairs = maps.unflatten(0, (-1, 2))
        first, second = (pairs[:, i].contiguous(memory_format=torch.channels_last) for i in range(2))
        first = first + self.fill(first.mean((2, 3)))[:, :, None, None]
        seen = self.learners[0](shared(first))
        positions = _positions(second)
        summary = self.reduce(seen.detach().mean((2, 3)))
        saliency = torch.matmul(positions, summary.unsqueeze(2)).squeeze(2) / math.sqrt(summary.shape[1])
        kept = _kept_rows(saliency.detach().unflatten(1, second.shape[2:]).mean(2), self.erased).unsqueeze(2)
        erased = (~kept).expand(-1, -1, second.shape[3]).flatten(1)
        weights = saliency.masked_fill(erased, -torch.inf).softmax(1)
        rest = torch.matmul(weights.unsqueeze(1), positions).squeeze(1)
        second = second * kept.unsqueeze(1) + self.fill(rest)[:, :, None, None]
        return seen, self.learners[1](shared(second)), (~kept).to(maps.dtype)


class PairNeck(nn.Module):
    """A batch norm for each half of the feature; as a neck, both halves of unit length, side by side."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(batch_norm_neck(features) for _ in range(LEARNERS))

    def normalise(self, feature: Tensor) -> tuple[Tensor, ...]:
        """The halves `[B, features]` of `[B, 2 * features]`, each through its batch norm."""
        return tuple(norm(half) for norm, half in zip(self.norms, feature.chunk(LEARNERS, 1), strict=True))

    def forward(self, feature: Tensor) -> Tensor:
        return torch.cat([F.normalize(half, dim=1) for half in self.normalise(feature)], 1)


def _kept_rows(saliency: Tensor, erased: int) -> Tensor:
    """From row saliencies `[N, H]`, which rows `[N, H]` lie outside the most salient block of `erased`."""
    blocks = F.avg_pool1d(saliency.unsqueeze(1), erased, stride=1, padding=erased // 2).squeeze(1)
    centre = blocks.argmax(1, keepdim=True)
    return (torch.arange(saliency.shape[1], device=saliency.device) - centre).abs() > erased // 2


def _positions(maps: Tensor) -> Tensor:
    """Maps `[N, C, H, W]` as `[N, H * W, C]`: a view where they are in channels_last."""
    return maps.permute(0, 2, 3, 1).flatten(1, 2)


def _projection(channels: int) -> nn.Sequential:
    linear, norm = nn.Linear(channels, channels), nn.BatchNorm1d(channels)
    nn.init.kaiming_normal_(linear.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(norm.weight)
    return nn.Sequential(linear, norm)
