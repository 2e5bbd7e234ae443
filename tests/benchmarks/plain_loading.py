"""Clips loaded as video re-identification releases do it, a frame after another: the reference for speed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def plain_clips(paths: Sequence[Path], length: int, size: tuple[int, int]) -> Tensor:
    """float32 [clips, length, 3, H, W]: each frame opened, converted, resized, brought to 0..1 and normalised alone."""
    clips = [paths[start : start + length] for start in range(0, len(paths), length)]
    return torch.stack([torch.stack([_frame(path, size) for path in clip]) for clip in clips])


def _frame(path: Path, size: tuple[int, int]) -> Tensor:
    with path.open("rb") as file:
        image = Image.open(file).convert("RGB")
    image = image.resize(size[::-1], Image.Resampling.BICUBIC)
    channels = torch.from_numpy(np.array(image, copy=True)).permute(2, 0, 1).contiguous()
    frame = channels.to(torch.float32).div(255).clone()
    return frame.sub_(torch.tensor(MEAN)[:, None, None]).div_(torch.tensor(STD)[:, None, None])
