"""The whole profile of one model from Python."""

from __future__ import annotations

import contextlib
import inspect
import json
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import reidbench
from reidbench.precision import tf32_restored
from reidbench.profiling import profile as profiling
from reidbench.profiling.memory import resident
from reidbench.spec import Output, UserError

SHAPE = (1, 2, 3, 32, 16)


class Giving(nn.Module):
    """Gives what a function makes of the clips."""

    def __init__(self, make: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.make = make

    def forward(self, clips: Tensor) -> object:
        return self.make(clips)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)

    def forward(self, clips: Tensor) -> Output:
        return Output(self.conv(clips.flatten(0, 1)).amax((2, 3)).unflatten(0, clips.shape[:2]).mean(1))


class Unmoved(Small):
    def _apply(self, *_: object, **__: object) -> nn.Module:
        raise AssertionError("not to be moved")


def test_numbers_of_numpy_are_taken() -> None:
    shape = np.array(SHAPE)
    costs = reidbench.profile(Small(), shape=shape, rounds=np.int64(1), device=torch.device("cpu"))  # type: ignore[arg-type]
    assert json.loads(json.dumps(costs))["shape"] == list(SHAPE)


def test_profiles_a_module_and_leaves_it_alone() -> None:
    model = Small().train()
    costs = reidbench.profile(model, shape=SHAPE, precision="bf16", rounds=8)
    assert costs["model"] == "Small"
    assert costs["parameters"] == 4 * 3 * 9
    assert set(costs["macs"].values()) == {4 * 3 * 9 * 32 * 16}
    assert costs["absent"] == {}
    assert len(costs["latency"]["seconds"]) == 8
    low, high = costs["latency"]["interval"]
    assert low <= costs["latency"]["median"] <= high
    assert costs["memory"]["peak"] > costs["memory"]["added"] >= 0
    assert json.loads(json.dumps(costs, allow_nan=False)) == costs
    assert model.training
    assert model.conv.weight.dtype == torch.float32


@pytest.mark.parametrize("make", [Small, lambda: Giving(lambda clips: None)], ids=["measured", "refused"])
def test_what_tf32_the_process_allowed_is_allowed_afterwards(make: Callable[[], nn.Module]) -> None:
    with tf32_restored():
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False
        with contextlib.suppress(UserError):
            reidbench.profile(make(), shape=SHAPE, precision="ieee32", rounds=1)
        assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == (True, False)


NEWER = """import torch, reidbench
places = torch.backends.cudnn.conv, torch.backends.cudnn.rnn, torch.backends.cuda.matmul
for place, precision in zip(places, ("ieee", "tf32", "tf32")):
    place.fp32_precision = precision
model = reidbench.build("baseline", size=(32, 16), depth=18, width=8)
for precision in ("fp32", "ieee32"):
    reidbench.profile(model, shape=(1, 1, 3, 32, 16), precision=precision, rounds=1)
    assert [place.fp32_precision for place in places] == ["ieee", "tf32", "tf32"]
"""
"""Torch does not undo these within a process."""


@pytest.mark.skipif(not hasattr(torch.backends.cudnn, "conv"), reason="this torch has the older switches alone")
def test_what_the_newer_switches_allowed_is_allowed_afterwards() -> None:
    ran = subprocess.run([sys.executable, "-c", NEWER], capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr


def test_profiles_a_registered_model_by_name_without_moving_the_random_state() -> None:
    state = torch.get_rng_state()
    costs = reidbench.profile("baseline", shape=SHAPE, rounds=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert costs["model"] == "baseline"
    assert costs["latency"]["interval"] is None
    assert costs["parameters"] == pytest.approx(23.51e6, abs=0.01e6)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'baseline'"):
        reidbench.profile("baselin")


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (None, {}, "None: give an nn.Module, or the name of a registered model"),
        (Small, {}, "give an nn.Module, or the name"),
        ("baseline", {"shape": (1, 8, 3, -256, 128)}, r"shape .*: give \[B, T, 3, H, W\], whole numbers above 0"),
        ("baseline", {"shape": (8, 3, 256, 128)}, r"give \[B, T, 3, H, W\]"),
        ("baseline", {"shape": 5}, r"shape 5: give \[B, T, 3, H, W\]"),
        ("baseline", {"shape": None}, r"shape None: give \[B, T, 3, H, W\]"),
        (
            "bicnet_tks",
            {"shape": (1, 8, 3, 64, 32)},
            "model bicnet_tks: clips are 64x32, the model was built for 256x128",
        ),
        (
            "bicnet_tks",
            {"shape": (1, 7, 3, 256, 128)},
            "model bicnet_tks: a clip of 7 frames: .* must be a multiple of 4",
        ),
        (nn.Conv2d(3, 4, 3), {"shape": SHAPE}, r"model Conv2d: RuntimeError: Expected 3D .* or 4D"),
        (
            Giving(lambda clips: {"feature": clips}),
            {"shape": SHAPE},
            r"gives dict for 1 clips; let its feature be \[1, D\]",
        ),
        (Giving(lambda clips: clips.mean((2, 3, 4))[0]), {"shape": SHAPE}, r"gives \[2\] for 1 clips"),
        (
            Giving(lambda clips: torch.empty(2**52)),
            {"shape": SHAPE},
            "clips 1x2x3x32x16 do not fit in the memory of cpu",
        ),
        (
            Giving(lambda clips: clips.mean((1, 3, 4)) + torch.zeros(3)),
            {"shape": SHAPE},
            "model Giving: RuntimeError: Tensor on device cpu is not on the expected device meta",
        ),
        (Unmoved(), {}, "model Unmoved: AssertionError: not to be moved"),
        ("baseline", {"rounds": 0}, "rounds=0: give a whole number above 0"),
        ("baseline", {"rounds": 2.5}, "rounds=2.5: give a whole number"),
    ],
)
def test_what_cannot_be_profiled_is_told_in_one_line(model: object, settings: dict, message: str) -> None:
    with pytest.raises(reidbench.UserError, match=message):
        reidbench.profile(model, **settings)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", [lambda module: torch.jit.trace(module, torch.zeros(SHAPE)), torch.compile])
def test_what_was_made_from_a_module_is_not_taken_for_one(make: Callable[[nn.Module], nn.Module]) -> None:
    made = make(Giving(lambda clips: clips.mean((1, 3, 4))))
    with pytest.raises(UserError, match=r"was compiled or traced; give the nn\.Module that it was made from"):
        reidbench.profile(made, shape=SHAPE, rounds=1)


def test_the_public_profile_has_the_settings_of_the_one_that_measures() -> None:
    def settings(function: object) -> object:
        return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]  # type: ignore[arg-type]

    assert settings(reidbench.profile) == settings(profiling.profile)


class Wide(nn.Module):
    """Makes 16 MB of numbers in pieces that the C library keeps when they are freed."""

    def forward(self, clips: Tensor) -> Output:
        pieces = [clips.new_ones(16 * 2**10) for _ in range(256)]
        return Output(clips.mean((1, 3, 4)) + torch.stack([piece.mean() for piece in pieces]).mean())


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has freed is given back by glibc")
def test_each_profile_of_a_process_counts_what_its_own_passes_take() -> None:
    added = [reidbench.profile(Wide(), shape=SHAPE, rounds=1)["memory"]["added"] for _ in range(4)]
    assert all(8 * 2**20 < found < 64 * 2**20 for found in added[1:]), added


def test_the_peak_is_free_of_what_counting_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    counting, taken = profiling.count, 256 * 2**20
    held = []

    def count(*arguments: object) -> object:
        held.append(torch.ones(taken, dtype=torch.uint8))
        return counting(*arguments)

    monkeypatch.setattr(profiling, "count", count)
    before = resident()
    memory = reidbench.profile(Small(), shape=SHAPE, rounds=1)["memory"]
    assert held and memory["peak"] < before + taken / 2
