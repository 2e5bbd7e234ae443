"""Starts what runs a network: from a torch model, or from a file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reidbench.deployment.backends import not_in
from reidbench.deployment.files import quiet
from reidbench.deployment.fusion import fuse
from reidbench.deployment.lanes import Lanes
from reidbench.deployment.network import Infer
from reidbench.precision import PRECISIONS, without_tf32
from reidbench.spec import UserError

HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""What OpenVINO computes in where nothing is quantised; it would choose by the machine otherwise."""


def load(path: Path, name: str, *, precision: str = "fp32") -> Infer:
    """The network of a file of the format `name`, ready to run on a CPU with as many threads as torch has now.

    The file is one that `files.write` wrote; what a runtime says against it is raised as it is. Raises UserError where
    the runtime would compute in another precision on this CPU.
    """
    threads = torch.get_num_threads()
    if name == "onnx":
        return _onnxruntime(path, threads)
    if name == "openvino":
        return _openvino(path, precision, threads)
    # Torch warns that TorchScript is on its way out, and some versions of it of how they read a pt2 file themselves.
    with quiet():
        return _eager(torch.jit.load(str(path)) if name == "torchscript" else torch.export.load(path).module())


def _compiled(network: nn.Module, clips: Tensor) -> Infer:
    """torch.compile for the shape of `clips`, with batch norms folded and weights packed once. It compiles here."""
    import torch._inductor.config as inductor

    # Of its own program, for dynamo keeps only a few compilations of one function, which all networks share.
    frozen = torch.compile(torch.export.export(network, (clips,), strict=False).module(), fullgraph=True, dynamic=False)
    # Freezing is decided on when the graph is lowered, at the first call.
    with quiet(), inductor.patch(freezing=True), torch.inference_mode(False), torch.no_grad():
        frozen(clips)

    held = clips.clone()

    def infer(clips: Tensor) -> Tensor:
        # For tensors of inference_mode, or laid out otherwise, it would be compiled anew, and outside of freezing.
        with torch.inference_mode(False), torch.no_grad():
            as_compiled = not clips.is_inference() and clips.stride() == held.stride()
            found: Tensor = frozen(clips if as_compiled else held.copy_(clips))
            return found

    return infer


@functools.cache
def _graph_memory() -> Any:
    """The memory that all CUDA graphs compute in: each with its own, the networks of a session would not fit."""
    return torch.cuda.graph_pool_handle()


def _fused(network: nn.Module, clips: Tensor) -> Infer:
    """A CUDA graph of the network's fused operators, side by side where they can be."""
    return _Graph(Lanes(fuse(network, clips)).run, clips)


@functools.cache
def _aside() -> torch.cuda.Stream:
    """Where networks run before they are captured: one stream, for torch has few, and a lane is to have its own."""
    return torch.cuda.Stream()


class _Graph:
    """A CUDA graph of `run` for the shape of `clips`, which are on the GPU: one launch instead of hundreds.

    A call copies the clips to where the graph reads them, and its feature from where the next graph may write. What
    `run` reads (a network's weights) must live as long as the graph, and does: it is kept.
    """

    def __init__(self, run: Infer, clips: Tensor) -> None:
        self.run = run
        self.clips = clips.clone()
        self.graph = torch.cuda.CUDAGraph()
        stream, aside = torch.cuda.current_stream(), _aside()
        aside.wait_stream(stream)
        with torch.inference_mode(), torch.cuda.stream(aside):
            for _ in range(3):
                run(self.clips)
        stream.wait_stream(aside)
        try:
            with torch.inference_mode(), torch.cuda.graph(self.graph, pool=_graph_memory()):
                self.found = run(self.clips)
        except BaseException:
            # Torch goes on taking its memory for that of a capture, and would refuse it to the next one.
            _graph_memory.cache_clear()
            raise
        finally:
            # A capture that fails leaves the stream current that it was made on.
            torch.cuda.set_stream(stream)

    def __call__(self, clips: Tensor) -> Tensor:
        with torch.inference_mode():
            self.clips.copy_(clips)
            self.graph.replay()
            return self.found.clone()


def prepared(network: nn.Module, device: str, precision: str) -> nn.Module:
    """The network on a device, its weights in a precision and in channels_last, in evaluation mode; changed itself."""
    without_tf32(precision)
    network.to(device=device, dtype=PRECISIONS[precision]).eval()
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def _eager(network: nn.Module, _: Tensor | None = None) -> Infer:
    def infer(clips: Tensor) -> Tensor:
        with torch.inference_mode():
            found: Tensor = network(clips)
            return found

    return infer


def _onnxruntime(path: Path, threads: int) -> Infer:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Else its threads go on spinning after a run, on the cores of whatever is timed next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()

    def infer(clips: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {given.name: clips.contiguous().numpy()})[0])

    return infer


def _openvino(path: Path, precision: str, threads: int) -> Infer:
    import openvino

    if reason := not_in("openvino", precision):
        raise UserError(f"backend openvino in {precision}: {reason}")
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": HINTS[precision],
    }
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()

    def infer(clips: Tensor) -> Tensor:
        (found,) = request.infer([clips.contiguous().numpy()], share_inputs=True).values()
        return torch.from_numpy(found)

    return infer


IN_TORCH: dict[str, Callable[[nn.Module, Tensor], Infer]] = {
    "eager": _eager,
    "compile": _compiled,
    "cudagraph": _Graph,
    "fused": _fused,
}
"""The backends that take a prepared network, with clips of the shape that they are started for."""


def in_torch(network: nn.Module, clips: Tensor, *, device: str, precision: str, backend: str) -> Infer:
    """Starts a network for the shape of `clips` on a backend that takes it as it is; the network itself is changed.

    What it returns takes clips of any precision and place.
    """
    prepared(network, device, precision)
    dtype = PRECISIONS[precision]
    infer = IN_TORCH[backend](network, clips.to(device=device, dtype=dtype))
    return lambda given: infer(given.to(device=device, dtype=dtype))
