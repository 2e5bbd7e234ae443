"""Parameters, per-frame figures, counters that are absent, and where counters disagree."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reidbench.profiling import counters
from reidbench.profiling.complexity import Complexity, Disagreement, count, dimension, disagreements, parameters
from reidbench.spec import Output

SHAPE = (1, 2, 3, 8, 4)


class Small(nn.Module):
    """A convolution that is a module, one that is not, batch norm, and a classifier that is not run."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.weight = nn.Parameter(torch.ones(5, 4, 1, 1))
        self.classifier = nn.Linear(5, 100)

    def forward(self, clips: Tensor) -> Output:
        maps = F.conv2d(self.trunk(clips.flatten(0, 1)), self.weight)
        return Output(maps.amax((2, 3)).unflatten(0, clips.shape[:2]).mean(1))


TRUNK = 4 * 3 * 9 * 8 * 4
POINTWISE = 5 * 4 * 8 * 4
NORM = 2 * 4 * 8 * 4


@pytest.fixture(scope="module")
def small() -> Complexity:
    return count(Small(), SHAPE)


def test_parameters_leave_the_classifier_out(small: Complexity) -> None:
    assert small.parameters == parameters(Small()) == 4 * 3 * 9 + 2 * 4 + 5 * 4


def test_only_the_classifier_itself_is_left_out() -> None:
    model = nn.ModuleDict({"classifier_like": nn.Linear(2, 2), "inner": nn.ModuleDict({"classifier": nn.Linear(2, 2)})})
    assert parameters(model) == 12


def test_figures_are_per_frame(small: Complexity) -> None:
    assert small.per_frame() == TRUNK + POINTWISE
    assert small.per_frame("fvcore") == TRUNK + POINTWISE + NORM
    assert small.per_frame("ptflops") == TRUNK + NORM
    assert small.per_frame("ptflops_aten") == TRUNK + POINTWISE


def test_the_batch_does_not_matter(small: Complexity) -> None:
    assert count(Small(), (3, *SHAPE[1:])) == small


def test_dimension_is_that_of_the_feature() -> None:
    assert dimension(Small(), SHAPE) == 5


def test_table_by_module_stops_at_the_depth(small: Complexity) -> None:
    assert set(small.modules(depth=1)) == {"", "trunk", "classifier"}
    assert small.modules()["trunk.0"] == dict.fromkeys(counters.COUNTERS, 2 * TRUNK)


def test_disagreements_name_the_operations(small: Complexity) -> None:
    found = {(d.counter, d.module): d for d in disagreements(small)}
    assert found["fvcore", "trunk"] == Disagreement(
        "trunk", "fvcore", 2 * (TRUNK + NORM), 2 * TRUNK, {"normalisation": 2 * NORM}
    )
    assert found["ptflops", ""].operations == {"normalisation": 2 * NORM, "convolution": -2 * POINTWISE}
    assert not any(d.counter in ("torch", "ptflops_aten") for d in found.values())
    assert not any(d.module == "trunk.1" for d in found.values()), "batch norm shows in the module that holds it"


def test_disagreements_below_the_tolerance_are_left_out(small: Complexity) -> None:
    assert not disagreements(small, tolerance=0.5)


OURS = {"": 300.0, "a": 100.0, "a.b": 100.0, "a.b.c": 100.0, "d": 100.0, "e": 100.0, "f": 0.0}
THEIRS = {"": 302.0, "a": 101.0, "a.b": 101.2, "a.b.c": 98.0, "d": 100.0, "e": 0.0, "f": 5.0}
MADE_UP = Complexity(
    1,
    1,
    1,
    {
        "torch": counters.Count({name: {"convolution": macs} for name, macs in OURS.items()}),
        "other": counters.Count({name: {"pooling": macs} for name, macs in THEIRS.items()}),
    },
    {},
)


def test_modules_that_differ_by_more_than_a_hundredth_come_in_order_the_model_first() -> None:
    found = disagreements(MADE_UP)
    assert [(d.module, d.macs, d.reference) for d in found] == [
        ("a.b", 101.2, 100.0),
        ("a.b.c", 98.0, 100.0),
        ("e", 0.0, 100.0),
    ]
    assert [d.module for d in disagreements(MADE_UP, tolerance=0.001)] == ["", "a", "a.b", "a.b.c", "e"]
    assert found[0].operations == {"convolution": -100.0, "pooling": 101.2}
    assert list(found[0].operations) == ["convolution", "pooling"]


def test_the_table_by_module_is_in_order_and_two_names_deep() -> None:
    assert list(MADE_UP.modules()) == ["", "a", "a.b", "d", "e", "f"]
    assert MADE_UP.modules(depth=3)["a.b.c"] == {"torch": 100.0, "other": 98.0}


@pytest.mark.parametrize(
    ("package", "counter"), [("fvcore.nn", "fvcore"), ("ptflops", "ptflops"), ("ptflops.aten_engine", "ptflops_aten")]
)
def test_a_counter_that_is_not_installed_is_absent(
    package: str, counter: str, monkeypatch: pytest.MonkeyPatch, small: Complexity
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    found = count(Small(), SHAPE)
    assert found.absent[counter] == "not installed"
    assert found.per_frame(counter) is None
    assert found.per_frame() == small.per_frame()


def test_a_counter_that_cannot_follow_the_model_says_why() -> None:
    class Untraceable(Small):
        def forward(self, clips: Tensor) -> Output:
            if torch.jit.is_tracing():  # type: ignore[attr-defined]
                raise RuntimeError("no\ntracing")
            return super().forward(clips)

    found = count(Untraceable(), SHAPE)
    assert found.absent == {"fvcore": "failed: RuntimeError: no"}
    assert found.per_frame("ptflops") == TRUNK + NORM


def test_a_counter_that_finds_nothing_where_the_reference_does_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(counters.COUNTERS, "fvcore", (lambda model, clips: counters.Count({"": {"conv": 0.0}}), "cpu"))
    found = count(Small(), SHAPE)
    assert found.absent == {"fvcore": "found nothing, where torch counts 8192 MACs a clip"}
    assert found.per_frame("fvcore") is None
    assert not any(d.counter == "fvcore" for d in disagreements(found))


def test_a_model_without_products_has_none_by_any_counter_that_counts_no_more() -> None:
    class Mean(nn.Module):
        def forward(self, clips: Tensor) -> Tensor:
            return clips.mean((1, 3, 4))

    found = count(Mean(), SHAPE)
    assert not found.absent and found.per_frame() == found.per_frame("ptflops_aten") == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_model_of_another_type_is_counted_as_one_of_float32(dtype: torch.dtype, small: Complexity) -> None:
    assert count(Small().to(dtype), SHAPE) == small
    torch.set_default_dtype(dtype)
    try:
        assert count(Small(), SHAPE) == small
        assert dimension(Small(), SHAPE) == 5
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_reference_must_work(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Small):
        def forward(self, clips: Tensor) -> Output:
            raise ValueError("clips too short")

    with pytest.raises(ValueError, match="clips too short"):
        count(Broken(), SHAPE)

    def lost(model: nn.Module, clips: Tensor) -> counters.Count:
        raise RuntimeError("lost count")

    monkeypatch.setitem(counters.COUNTERS, "torch", (lost, "meta"))
    with pytest.raises(RuntimeError, match="lost count"):
        count(Small(), SHAPE)


def test_refuses_a_shape_without_time() -> None:
    with pytest.raises(ValueError, match=r"\(1, 3, 8, 4\)"):
        count(Small(), (1, 3, 8, 4))


def test_leaves_the_model_as_it_was() -> None:
    model = Small().train()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    attributes = [_attributes(module) for module in model.modules()]
    count(model, SHAPE)
    assert all(module.training for module in model.modules())
    assert [_attributes(module) for module in model.modules()] == attributes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def _attributes(module: nn.Module) -> dict[str, Any]:
    """What a counter could leave behind: new attributes, hooks, another forward."""
    return {
        name: dict(value) if name.endswith("_hooks") else id(value)
        for name, value in vars(module).items()
        if name not in ("_parameters", "_buffers", "_modules")
    }
