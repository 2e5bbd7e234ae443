"""Four counters of multiply-accumulates, each returning MACs by module and by kind of operation.

They disagree by design: PyTorch's counts the products alone, fvcore adds normalisation, ptflops adds element-wise
operations too (twice for a ReLU that is a module) and misses whatever is neither a module nor a patched function.
Every counter is given a model and clips of its own, for some leave attributes and hooks behind. PyTorch's is the
reference and sees attention as plain products; the others run as they come, to say what their users would have read.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker

Table = Mapping[str, Mapping[str, float]]

CONVOLUTION = "convolution"
PRODUCT = "matrix product"
NORMALISATION = "normalisation"
KINDS = {
    **dict.fromkeys(("convolution", "_convolution", "conv", "Conv1d", "Conv2d", "Conv3d"), CONVOLUTION),
    **dict.fromkeys(("mm", "addmm", "bmm", "baddbmm", "matmul", "linear", "einsum", "Linear"), PRODUCT),
    **dict.fromkeys(("batch_norm", "layer_norm", "group_norm", "instance_norm"), NORMALISATION),
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm", "GroupNorm"), NORMALISATION),
}
"""What the counters call an operation, and the kind of it that is compared across them; others keep their name."""


def feature(output: Any) -> Tensor:
    """The feature of what a model returns: an `Output`, or the tensor itself from a module that knows no better."""
    return output if isinstance(output, Tensor) else output.feature


@dataclass(frozen=True)
class Count:
    """What one counter found for the clips it was given.

    `modules` maps a module's qualified name ("" is the model) to MACs by kind of operation, submodules included.
    `uncounted` are operations the counter says it has no rule for (fvcore alone says so).
    """

    modules: Table
    uncounted: tuple[str, ...] = ()

    @property
    def macs(self) -> float:
        return self.module("")

    def module(self, name: str) -> float:
        """MACs of a module, 0 where the counter met nothing in it."""
        return float(sum(self.modules.get(name, {}).values()))


def count_torch(model: nn.Module, clips: Tensor) -> Count:
    """PyTorch's FlopCounterMode, halved: convolutions and matrix products, attention included. Runs on `meta`."""
    with _exact_attention(), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(clips)
    return Count(_by_module(counter.flop_counts, 0.5))


def count_fvcore(model: nn.Module, clips: Tensor) -> Count:
    """fvcore's FlopCountAnalysis, which calls a multiply-accumulate a flop and counts two an element for batch norm.

    It traces the model, which needs real weights and computes the clips once. Raises ImportError without fvcore.
    """
    forward = model.forward
    # The tracer accepts tensors and tuples only, not a model's Output.
    model.forward = lambda clips: feature(forward(clips))
    with torch.no_grad(), warnings.catch_warnings(), _quiet("fvcore"):
        # Torch deprecates the tracer that fvcore stands on, from the import onwards.
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(model, clips)
        counts = analysis.by_module_and_operator()
        uncounted = tuple(sorted(name.removeprefix("aten::") for name in analysis.unsupported_ops()))
    return Count(_kinds(counts), uncounted)


def count_ptflops(model: nn.Module, clips: Tensor) -> Count:
    """ptflops' `pytorch` backend, the sense of "GFLOPs" in the paper: hooks on modules, patches on functions.

    It needs real weights and computes the clips once: on `meta` some kernels are written in Python and would call the
    patched functions. The engine is driven step by step, since its front end gives no table, and prints. Raises
    ImportError without ptflops.
    """
    from ptflops import pytorch_engine as engine

    tally: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    with (
        contextlib.redirect_stdout(io.StringIO()) as silence,
        torch.inference_mode(),
        ModuleTracker() as tracker,
        _patched_by_ptflops(engine, tally, tracker),
    ):
        counted = engine.add_flops_counting_methods(model)
        counted.start_flops_count(ost=silence, verbose=False, ignore_list=[])
        counted(clips)
    table = {name: dict(kinds) for name, kinds in _by_module(tally).items()}
    _add_hooked(engine, model, "", table)
    return Count(table)


def count_ptflops_aten(model: nn.Module, clips: Tensor) -> Count:
    """ptflops' `aten` backend: the same rules as PyTorch's counter plus biases, without baddbmm.

    Runs on `meta`, where attention is not fused; elsewhere this counter misses it. Raises ImportError without it.
    """
    from ptflops.aten_engine import FlopCounterMode as AtenCounter

    # Not inference_mode, in which this counter is shown undecomposed operations that it has no rules for.
    with torch.no_grad(), ModuleTracker() as tracker:
        counter = AtenCounter(output_params={"print_params": {}, "serialize_params": {}})
        # Its own bookkeeping stops at the model's direct children; the tracker's set follows the whole tree.
        counter.parents = tracker.parents
        with counter:
            model(clips)
    return Count(_by_module(counter.flop_counts))


Counter = Callable[[nn.Module, Tensor], Count]
REFERENCE = "torch"
COUNTERS: Mapping[str, tuple[Counter, str]] = {
    REFERENCE: (count_torch, "meta"),
    "fvcore": (count_fvcore, "cpu"),
    "ptflops": (count_ptflops, "cpu"),
    "ptflops_aten": (count_ptflops_aten, "meta"),
}
"""Every counter with the device it needs; `ptflops` is the `pytorch` backend."""


def depth_of(module: str) -> int:
    """How many names a module's own has; 0 of the model's."""
    return module.count(".") + 1 if module else 0


def _by_module(counts: Mapping[str, Mapping[Any, float]], factor: float = 1.0) -> dict[str, dict[str, float]]:
    """A tracker's table ("Global", "Class", "Class.child") under the qualified names of the modules."""
    named = {name.partition(".")[2]: kinds for name, kinds in counts.items() if "." in name}
    return _kinds({"": counts.get("Global", {}), **named}, factor)


def _kinds(counts: Mapping[str, Mapping[Any, float]], factor: float = 1.0) -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}
    for module, operations in counts.items():
        row = table.setdefault(module, {})
        for operation, macs in operations.items():
            name = str(operation).removeprefix("aten.")
            kind = KINDS.get(name.rpartition(".")[2], name)
            row[kind] = row.get(kind, 0.0) + float(macs) * factor
    return table


def _add_hooked(
    engine: ModuleType, module: nn.Module, name: str, table: dict[str, dict[str, float]]
) -> dict[str, float]:
    """Adds what ptflops' hooks left on the modules, summed up the tree as ptflops does; returns this module's part."""
    found: dict[str, float] = defaultdict(float)
    if engine.is_supported_instance(module):
        kind = type(module).__name__
        found[KINDS.get(kind, kind)] += float(vars(module)["__flops__"])
    else:
        for child_name, child in module.named_children():
            child_path = f"{name}.{child_name}" if name else child_name
            for kind, macs in _add_hooked(engine, child, child_path, table).items():
                found[kind] += macs
    row = table.setdefault(name, {})
    for kind, macs in found.items():
        row[kind] = row.get(kind, 0.0) + macs
    return found


class _Collector:
    """Stands in for the list that ptflops' patches append counts to: books them under the modules being run."""

    def __init__(self, operation: str, tally: dict[str, dict[str, float]], tracker: ModuleTracker) -> None:
        self.operation, self.tally, self.tracker = operation, tally, tracker

    def append(self, macs: float) -> None:
        for module in self.tracker.parents:
            self.tally[module][self.operation] += float(macs)


@contextlib.contextmanager
def _patched_by_ptflops(
    engine: ModuleType, tally: dict[str, dict[str, float]], tracker: ModuleTracker
) -> Iterator[None]:
    """Lets ptflops patch torch, and puts back exactly what was there, which its own clean-up does not for Tensor."""
    owners: tuple[Any, ...] = (F, torch, torch.Tensor)
    before = [dict(vars(owner)) for owner in owners]
    try:
        engine.patch_functional(_Collector("functional", tally, tracker))
        engine.patch_tensor_ops(_Collector("Tensor method", tally, tracker))
        for owner, prefix in ((F, "F."), (torch, "torch.")):
            for name, value in vars(owner).items():
                if isinstance(value, engine.torch_function_wrapper):
                    value.collector = _Collector(prefix + name, tally, tracker)
        yield
    finally:
        for owner, known in zip(owners, before, strict=True):
            for name, value in list(vars(owner).items()):
                if name in known and value is not known[name]:
                    setattr(owner, name, known[name])
                elif name not in known and hasattr(value, "op"):
                    delattr(owner, name)


@contextlib.contextmanager
def _exact_attention() -> Iterator[None]:
    """Attention as plain products, so that no fused kernel hides them from a counter."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextlib.contextmanager
def _quiet(logger_name: str) -> Iterator[None]:
    """Silences a library's log for a while; what it would say is kept as `Count.uncounted`."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
