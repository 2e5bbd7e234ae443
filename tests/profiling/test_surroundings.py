"""A profile is the same whatever its caller has set of torch, which is set as before afterwards."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import BaseTorchFunctionMode

import reidbench
from reidbench.profiling.surroundings import undisturbed
from reidbench.spec import UserError

SHAPE = (1, 2, 3, 32, 16)
Costs = tuple[dict[str, Any], dict[str, Any]]


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)

    def forward(self, clips: Tensor) -> Tensor:
        images = clips.flatten(0, 1) + torch.zeros(1, 3, 1, 1, device=clips.device)
        maps = torch.relu(self.norm(self.conv(images)))
        return maps.amax((2, 3)).unflatten(0, clips.shape[:2]).mean(1)


def counted(model: nn.Module | str) -> Costs:
    costs = reidbench.profile(model, shape=SHAPE, rounds=1)
    return costs["macs"], costs["absent"]


@contextlib.contextmanager
def default_device() -> Iterator[None]:
    torch.set_default_device("cpu")
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def default_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


AROUND: dict[str, Callable[[], Any]] = {
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "device": lambda: torch.device("cpu"),
    "set_default_device": default_device,
    "set_default_dtype": default_dtype,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "function_mode": BaseTorchFunctionMode,
}


def state() -> list[object]:
    """What tells whether one of `AROUND` holds."""
    types = (torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype, torch.get_default_dtype())
    modes = torch.overrides._get_current_function_mode_stack()
    return [*types, torch.is_inference_mode_enabled(), torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), modes]


@pytest.fixture(scope="module")
def known() -> Costs:
    """What is counted within no mode."""
    return counted(Small())


@pytest.mark.parametrize("around", AROUND.values(), ids=[*AROUND])
def test_counts_are_the_same_within_a_mode_which_goes_on_afterwards(around: Callable[[], Any], known: Costs) -> None:
    plain = state()
    assert all(known[0].values()) and not known[1]
    with around():
        within = state()
        assert within != plain
        assert counted(Small()) == known
        with contextlib.suppress(UserError):
            counted("no such model")
        assert state() == within
    assert state() == plain


def test_times_are_taken_without_a_mode() -> None:
    seen = []

    class Watching(Small):
        def forward(self, clips: Tensor) -> Tensor:
            seen.append(state()[2:])
            return super().forward(clips)

    with torch.autocast("cpu", torch.bfloat16), torch.device("cpu"):
        reidbench.profile(Watching(), shape=SHAPE, rounds=1)
    assert all(not autocast and not modes for *_, autocast, modes in seen)


def test_weights_on_meta_are_refused_by_name_and_others_are_profiled_there() -> None:
    outside = Small()
    with torch.device("meta"):
        assert all(counted(outside)[0].values())
        assert all(counted("baseline")[0].values())
        message = r"model Small: its weights are on torch's meta device; build it outside of torch\.device\('meta'\)"
        with pytest.raises(UserError, match=message):
            counted(Small())


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_of_another_type_is_converted(dtype: torch.dtype, precision: str) -> None:
    class Typed(Small):
        def forward(self, clips: Tensor) -> Tensor:
            types.add(clips.dtype)
            return self.conv(clips.flatten(0, 1)).amax((2, 3)).unflatten(0, clips.shape[:2]).mean(1)

    types: set[torch.dtype] = set()
    model = Typed().to(dtype)
    costs = reidbench.profile(model, shape=SHAPE, rounds=1, precision=precision)
    assert all(costs["macs"].values()) and costs["latency"]["seconds"]
    expected = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert types == {torch.float32, expected}  # the counters', and that of times and memory
    assert model.conv.weight.dtype == dtype


def test_threads_take_turns() -> None:
    order: list[str] = []
    inside = threading.Event()

    def enter() -> None:
        inside.wait()
        with undisturbed():
            order.append("second")

    other = threading.Thread(target=enter)
    other.start()
    with undisturbed():
        inside.set()
        other.join(0.2)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_profiles_of_several_threads_agree(known: Costs) -> None:
    found: list[Costs] = []
    threads = [threading.Thread(target=lambda: found.append(counted(Small()))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [known] * 3
