"""What each module costs and takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from reidbench import registry
from reidbench.profiling.complexity import parameters
from reidbench.profiling.counters import count_torch
from reidbench.profiling.latency import inference
from reidbench.profiling.layers import (
    ACTIVATION,
    BETWEEN,
    KINDS,
    LINEAR,
    NORM,
    POINTWISE,
    POOL,
    SPATIAL,
    Layers,
    Part,
    kind_of,
    measure_layers,
    moved_bytes,
    own_macs,
    own_seconds,
)
from reidbench.profiling.peak import Peak
from reidbench.spec import Output

PEAK = Peak(flops=1e9, bandwidth=1e9, device="cpu", precision="fp32", threads=1)
SHAPE = (1, 2, 3, 16, 8)
FRAMES = 2 * 16 * 8
"""Positions of all frames."""


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, frames: Tensor) -> Tensor:
        x = self.relu(self.conv(frames))
        return x + x


class Shared(nn.Module):
    """Two parents of one convolution: counters name it after the one, torch after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = Block(), Block()
        self.b.conv = self.a.conv
        self.neck = nn.BatchNorm1d(4)

    def forward(self, clips: Tensor) -> Output:
        frames = clips.flatten(0, 1)
        maps = self.a(frames) + self.b(frames)
        return Output(maps.mean((2, 3)).unflatten(0, clips.shape[:2]).mean(1))


def test_a_module_of_two_parents_is_measured() -> None:
    found = measure_layers(Shared(), PEAK, shape=SHAPE, rounds=1)
    assert sum(part.macs for part in found.parts) == 2 * FRAMES * 4 * 27


class Small(nn.Module):
    """The trunk is never called itself, as some models do."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.ModuleDict({"block": Block()})
        self.neck = nn.BatchNorm1d(4)

    def forward(self, clips: Tensor) -> Output:
        maps = self.trunk["block"](clips.flatten(0, 1))
        return Output(maps.mean((2, 3)).unflatten(0, clips.shape[:2]).mean(1))


def test_counts_by_hand_what_each_part_moves_and_computes() -> None:
    layers = measure_layers(Small(), PEAK, shape=SHAPE, rounds=2)
    parts = {part.name: part for part in layers.parts}
    assert set(parts) == {"", "trunk.block", "trunk.block.conv", "trunk.block.relu"}
    conv, relu, block = (parts[f"trunk.block{name}"] for name in (".conv", ".relu", ""))
    assert (conv.macs, conv.parameters, conv.kind) == (FRAMES * 9 * 3 * 4, 108, SPATIAL)
    assert conv.moved == 4 * (FRAMES * 3 + 108 + FRAMES * 4)
    assert (relu.moved, relu.macs, relu.kind) == (4 * 2 * FRAMES * 4, 0, ACTIVATION)
    assert (block.moved, block.kind) == (4 * 3 * FRAMES * 4, BETWEEN)
    assert conv.least == max(2 * conv.macs, conv.moved) / 1e9
    assert relu.attained == pytest.approx(relu.moved / 1e9 / relu.seconds)
    assert conv.intensity == 2 * conv.macs / conv.moved and relu.intensity == 0


def test_the_parts_add_up_and_the_tree_shows_them() -> None:
    layers = measure_layers(Small(), PEAK, shape=SHAPE, rounds=2)
    whole = layers.within("")
    assert whole.macs == FRAMES * 108 and whole.kind == ""
    assert whole.seconds == pytest.approx(sum(part.seconds for part in layers.parts))
    assert layers.within("trunk").moved == sum(part.moved for part in layers.parts if part.name)
    assert [part.name for part in layers.tree(0)] == [""]
    assert [part.name for part in layers.tree(1)] == ["", "trunk", ""]
    names = ["", "trunk", "trunk.block", "trunk.block.conv", "trunk.block.relu", "trunk.block", ""]
    assert [part.name for part in layers.tree(3)] == names
    assert len(layers.plain) == len(layers.hooked) == 2


def test_a_real_model_adds_up_to_its_count() -> None:
    torch.manual_seed(0)
    model = registry.build("bicnet_tks", size=(64, 32), width=4, blocks=(1, 1, 1, 1))
    shape = (1, 8, 3, 64, 32)
    layers, counted = measure_layers(model, PEAK, shape=shape, rounds=1), count_torch(model.eval(), torch.zeros(shape))
    assert layers.within("").macs == counted.macs
    assert layers.within("trunk.layer2").macs == counted.module("trunk.layer2")
    neck = sum(parameter.numel() for parameter in model.neck.parameters())
    assert layers.within("").parameters == parameters(model) - neck
    assert {part.kind for part in layers.parts} == set(KINDS) and {"csp.1", "dao.big"} <= {p.name for p in layers.parts}


def test_leaves_the_model_alone() -> None:
    model = Small().train()
    measure_layers(model, PEAK, shape=SHAPE, precision="bf16", rounds=1)
    assert model.training and model.neck.weight.dtype == torch.float32
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_views_move_nothing_and_what_is_expanded_lies_in_memory_once() -> None:
    class Expanding(nn.Module):
        def forward(self, clips: Tensor) -> Tensor:
            return clips[0, 0, 0, 0, :1].expand(100).reshape(10, 10) + 1.0

    model = Expanding()
    assert moved_bytes(model, inference(model, SHAPE)) == {"": 4 * (1 + 100)}


def test_seconds_are_those_between_the_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by one at each look: in to the model, a child twice, and out."""
    ticks = iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    child = nn.ReLU()
    model = nn.Sequential(child, child)
    assert own_seconds(model, lambda: model(torch.ones(1)), "cpu") == {"": 3, "0": 2}


def test_macs_of_a_module_are_without_those_below_it() -> None:
    table = {"": {"a": 10.0}, "x": {"a": 6.0, "b": 1.0}, "x.y.z": {"a": 2.0}, "xx": {"a": 3.0}}
    assert own_macs(table) == {"": 0, "x": 5, "x.y.z": 2, "xx": 3}


def test_says_how_far_hooks_and_sums_can_be_trusted() -> None:
    parts = (Part("", BETWEEN, 0, 0, 1, 1.0, 0.1), Part("a", LINEAR, 1, 1, 1, 2.0, 0.1))
    layers = Layers(parts, plain=(2.0, 4.0, 4.0), hooked=(2.2, 4.2, 4.4), peak=PEAK, shape=SHAPE)
    assert layers.overhead == pytest.approx(0.1) and layers.accounted == 0.75


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (nn.Conv2d(1, 1, 1, stride=2), POINTWISE),
        (nn.Conv2d(1, 1, (3, 1)), SPATIAL),
        (nn.Linear(1, 1), LINEAR),
        (nn.BatchNorm1d(1), NORM),
        (nn.ReLU(), ACTIVATION),
        (nn.MaxPool2d(2), POOL),
        (nn.Sequential(), BETWEEN),
    ],
)
def test_kinds(module: nn.Module, kind: str) -> None:
    assert kind_of(module) == kind and kind in KINDS
