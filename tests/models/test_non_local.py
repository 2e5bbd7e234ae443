"""The non-local block against attention written out for one position. Parity with the release: test_ap3d.py."""

from __future__ import annotations

import pytest
import torch
from reidbench.models.non_local import NonLocal
from torch import nn


@torch.no_grad()
def test_it_starts_as_identity() -> None:
    maps = torch.randn(4, 6, 4, 2)
    assert torch.equal(NonLocal(6).eval()(maps, 2), maps)


@pytest.mark.parametrize("frames", [1, 3])
@torch.no_grad()
def test_each_position_sees_the_maxima_of_all_frames_of_its_run(frames: int) -> None:
    module = NonLocal(6).eval().double()
    nn.init.constant_(module.norm.weight, 0.5)
    nn.init.constant_(module.norm.running_var, 1 - module.norm.eps)
    maps = torch.randn(6, 6, 4, 2, dtype=torch.float64)
    out = module(maps, frames)
    for index in range(6):
        run = slice(index // frames * frames, index // frames * frames + frames)
        # Rows 0-1 and 2-3 of the two columns are one cell each.
        keys = module.key(maps[run]).unflatten(2, (2, 2)).amax((3, 4)).permute(0, 2, 1).flatten(0, 1)
        values = module.value(maps[run]).unflatten(2, (2, 2)).amax((3, 4)).permute(0, 2, 1).flatten(0, 1)
        query = module.query(maps[index : index + 1])[0, :, 3, 1]
        seen = (keys @ query).softmax(0) @ values
        expected = maps[index, :, 3, 1] + 0.5 * module.project(seen[None, :, None, None])[0, :, 0, 0]
        torch.testing.assert_close(out[index, :, 3, 1], expected)


@torch.no_grad()
def test_without_pooling_each_position_sees_every_other() -> None:
    module = NonLocal(6, pool=False).eval().double()
    nn.init.constant_(module.norm.weight, (1 + module.norm.eps) ** 0.5)
    maps = torch.randn(2, 6, 4, 2, dtype=torch.float64)
    query, key, value = (layer(maps).flatten(2) for layer in (module.query, module.key, module.value))
    seen = (value @ (query.transpose(1, 2) @ key).softmax(2).transpose(1, 2)).view(2, 3, 4, 2)
    torch.testing.assert_close(module(maps), maps + module.project(seen))
