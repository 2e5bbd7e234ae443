"""What each counter counts, operation by operation, against closed forms and against the packages' own front ends."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from reidbench import registry
from reidbench.profiling import counters
from reidbench.profiling.counters import COUNTERS

N, C, H, W = 2, 4, 6, 5
ELEMENTS = N * C * H * W
SHAPE = (1, N, C, H, W)
CONV = 8 * C * 9 * N * H * W
LINEAR = N * C * H * W * 3
PRODUCT = N * C * H * H * W
HEADS, TOKENS, WIDTH = 2, H * W, C
ATTENTION = 2 * N * TOKENS * TOKENS * WIDTH
PROJECTIONS = 4 * N * TOKENS * WIDTH * WIDTH


class Frames(nn.Module):
    """Applies an operation to the folded frames `[N, C, H, W]`; a module given is registered."""

    def __init__(self, apply: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.apply_frames = apply
        self.weight = nn.Parameter(torch.zeros(8, C, 3, 3))

    def forward(self, clips: Tensor) -> Tensor:
        frames = clips.flatten(0, 1)
        return self.apply_frames(frames).flatten(1)


def tokens(frames: Tensor) -> Tensor:
    return frames.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, bias=False)

    def forward(self, clips: Tensor) -> Tensor:
        x = tokens(clips.flatten(0, 1))
        return self.inner(x, x, x, need_weights=False)[0].flatten(1)


def conv_functional() -> nn.Module:
    class Functional(Frames):
        def forward(self, clips: Tensor) -> Tensor:
            return F.conv2d(clips.flatten(0, 1), self.weight, padding=1).flatten(1)

    return Functional(nn.Identity())


OPERATIONS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int, int]]] = {
    # name: (model, (torch, fvcore, ptflops, ptflops_aten))
    "conv": (lambda: Frames(nn.Conv2d(C, 8, 3, padding=1, bias=False)), (CONV,) * 4),
    "conv with bias": (
        lambda: Frames(nn.Conv2d(C, 8, 3, padding=1)),
        (CONV, CONV, CONV + 8 * N * H * W, CONV + 8 * N * H * W),
    ),
    "F.conv2d": (conv_functional, (CONV, CONV, 0, CONV)),
    "linear": (lambda: Frames(nn.Linear(W, 3, bias=False)), (LINEAR,) * 4),
    "torch.bmm": (
        lambda: Frames(lambda x: torch.bmm(x.flatten(0, 1), x.flatten(0, 1).transpose(1, 2))),
        (PRODUCT,) * 4,
    ),
    "@": (lambda: Frames(lambda x: x @ x.transpose(2, 3)), (PRODUCT, PRODUCT, 0, PRODUCT)),
    "Tensor.matmul": (lambda: Frames(lambda x: x.matmul(x.transpose(2, 3))), (PRODUCT,) * 4),
    "baddbmm": (
        lambda: Frames(lambda x: torch.baddbmm(x.new_zeros(1), x.flatten(0, 1), x.flatten(0, 1).transpose(1, 2))),
        (PRODUCT, 0, PRODUCT + 1, 0),
    ),
    "scaled_dot_product_attention": (
        lambda: Frames(lambda x: F.scaled_dot_product_attention(tokens(x), tokens(x), tokens(x))),
        (ATTENTION, 0, 0, ATTENTION),
    ),
    "batch norm": (lambda: Frames(nn.BatchNorm2d(C)), (0, 2 * ELEMENTS, 2 * ELEMENTS, 0)),
    "nn.ReLU": (lambda: Frames(nn.ReLU()), (0, 0, 2 * ELEMENTS, 0)),
    "F.relu": (lambda: Frames(lambda x: F.relu(x)), (0, 0, ELEMENTS, 0)),
    "max pool": (lambda: Frames(nn.AdaptiveMaxPool2d(1)), (0, 0, 2 * ELEMENTS, 0)),
    "softmax": (lambda: Frames(nn.Softmax(dim=1)), (0, 0, ELEMENTS, 0)),
}


def counted(counter: str, model: nn.Module, shape: tuple[int, ...] = SHAPE) -> counters.Count:
    count, device = COUNTERS[counter]
    twin = copy.deepcopy(model).eval().to(device)
    return count(twin, torch.zeros(shape, device=device))


@pytest.mark.parametrize("counter", COUNTERS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_counts_one_operation_as_documented(operation: str, counter: str) -> None:
    build, expected = OPERATIONS[operation]
    assert counted(counter, build()).macs == expected[list(COUNTERS).index(counter)]


def test_reference_sees_all_of_an_attention_module() -> None:
    assert counted("torch", Attention()).macs == PROJECTIONS + ATTENTION
    assert counted("fvcore", Attention()).macs < PROJECTIONS + ATTENTION


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_reference_sees_attention_that_a_kernel_would_compute_in_one(device: str) -> None:
    """In evaluation mode torch takes a fused kernel for the whole layer, but on `meta`."""
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 7, batch_first=True).eval().to(device)
    expected = PROJECTIONS + ATTENTION + 2 * N * TOKENS * WIDTH * 7
    model = Frames(lambda x: layer(tokens(x)))
    assert counters.count_torch(model, torch.zeros(SHAPE, device=device)).macs == expected


@pytest.mark.parametrize(
    ("operation", "kinds"),
    [
        ("torch.bmm", {"matrix product": PRODUCT}),
        ("F.relu", {"F.relu": ELEMENTS}),
        ("nn.ReLU", {"ReLU": ELEMENTS, "F.relu": ELEMENTS}),
        ("batch norm", {"normalisation": 2 * ELEMENTS}),
    ],
)
def test_ptflops_books_what_it_counts_by_the_kind_of_operation(operation: str, kinds: dict[str, float]) -> None:
    assert counted("ptflops", OPERATIONS[operation][0]()).modules[""] == kinds


def test_the_depth_of_a_module_is_the_names_of_its_own() -> None:
    assert [counters.depth_of(name) for name in ("", "stem", "stem.0", "stem.0.conv")] == [0, 1, 2, 3]


@settings(max_examples=20, deadline=None)
@given(
    layers=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([1, 3, 5]), st.integers(1, 2)), min_size=1, max_size=4
    ),
    frames=st.integers(1, 3),
)
def test_reference_equals_the_closed_form_of_a_stack_of_convolutions(
    layers: list[tuple[int, int, int]], frames: int
) -> None:
    modules, expected = [], 0
    channels, height, width = 3, 16, 8
    for wide, kernel, stride in layers:
        modules.append(nn.Conv2d(channels, 4 * wide, kernel, stride, kernel // 2, bias=False))
        height, width = -(-height // stride), -(-width // stride)
        expected += frames * 4 * wide * channels * kernel**2 * height * width
        channels = 4 * wide
    model = Frames(nn.Sequential(*modules))
    assert counted("torch", model, (1, frames, 3, 16, 8)).macs == expected


class Mixed(nn.Module):
    """A bit of everything, some of it twice, with a module that is used under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(C, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.shared = nn.Conv2d(8, 8, 1)
        self.again = self.shared
        self.head = nn.Linear(8, 8)

    def forward(self, clips: Tensor) -> Tensor:
        x = self.stem(clips.flatten(0, 1))
        x = F.relu(self.again(self.shared(x))) * 2
        x = F.max_pool2d(x, 2).flatten(2)
        x = torch.matmul(x, x.transpose(1, 2))
        return self.head(torch.softmax(x, 1).mean(2)).mean(0, keepdim=True)


@pytest.mark.parametrize(("counter", "backend"), [("ptflops", "pytorch"), ("ptflops_aten", "aten")])
@pytest.mark.parametrize("build", [Mixed, Attention, *(build for build, _ in OPERATIONS.values())])
def test_equals_the_front_end_of_ptflops(build: Callable[[], nn.Module], counter: str, backend: str) -> None:
    from ptflops import get_model_complexity_info

    model = build().to(COUNTERS[counter][1])
    macs, _ = get_model_complexity_info(model, SHAPE[1:], print_per_layer_stat=False, as_strings=False, backend=backend)
    assert counted(counter, build()).macs == macs


def test_equals_the_front_end_of_fvcore() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(Mixed().eval(), torch.zeros(SHAPE))
        expected = analysis.by_module()
    count = counted("fvcore", Mixed())
    assert {name: count.module(name) for name in ("", "stem", "stem.1", "head")} == {
        name: expected[name] for name in ("", "stem", "stem.1", "head")
    }
    assert "max_pool2d" in count.uncounted and list(count.uncounted) == sorted(count.uncounted)


@pytest.mark.parametrize("counter", COUNTERS)
def test_books_operations_under_every_module_that_holds_them(counter: str) -> None:
    count = counted(counter, Mixed())
    products = C * 8 * 9 * N * H * W
    assert count.modules["stem"]["convolution"] in (products, products + 8 * N * H * W)
    assert count.modules["stem.0"]["convolution"] == count.modules["stem"]["convolution"]
    assert count.macs >= count.module("stem") + count.module("shared") + count.module("head")


@pytest.mark.parametrize("counter", COUNTERS)
def test_leaves_torch_as_it_was(counter: str, capfd: pytest.CaptureFixture[str]) -> None:
    counted(counter, Mixed())  # what is imported on first use is not a trace
    owners = (F, torch, torch.Tensor, nn.Module)
    before = [dict(vars(owner)) for owner in owners]
    hooks = len(nn.modules.module._global_forward_hooks)
    counted(counter, Mixed())
    assert [dict(vars(owner)) for owner in owners] == before
    assert len(nn.modules.module._global_forward_hooks) == hooks
    assert logging.getLogger("fvcore").level != logging.ERROR
    assert torch.backends.mha.get_fastpath_enabled()
    assert not torch.is_inference_mode_enabled()
    assert capfd.readouterr() == ("", "")


def test_torch_is_restored_when_the_model_fails() -> None:
    relu, matmul = F.relu, torch.Tensor.matmul
    inherited = set(vars(torch.Tensor))
    with pytest.raises(ZeroDivisionError):
        counters.count_ptflops(Frames(lambda x: x / (1 // 0)), torch.zeros(SHAPE))
    assert F.relu is relu
    assert torch.Tensor.matmul is matmul
    assert set(vars(torch.Tensor)) == inherited


@pytest.mark.parametrize(
    ("model", "macs"), [("baseline", 4.0533e9), ("two_branch", 1.8167e9), ("bicnet_tks", 1.9047e9)]
)
def test_reference_counts_the_models_of_the_paper(model: str, macs: float) -> None:
    """Per frame at 256x128."""
    with torch.device("meta"):
        built = registry.build(model).eval()
    assert counted("torch", built, (1, 8, 3, 256, 128)).macs / 8 == pytest.approx(macs, abs=5e4)


@pytest.mark.parametrize(("model", "printed"), [("baseline", 4.08e9), ("two_branch", 1.83e9), ("bicnet_tks", 1.92e9)])
def test_ptflops_counts_the_models_as_it_counts_the_release(model: str, printed: float) -> None:
    """Per frame at 256x128, cut off after two decimals as the paper does."""
    count = counters.count_ptflops(registry.build(model).eval(), torch.zeros(1, 8, 3, 256, 128))
    assert printed <= count.macs / 8 < printed + 0.01e9
