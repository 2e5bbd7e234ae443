"""What can run a network, and what each needs to be here. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from reidbench.program import install_command
from reidbench.registry import lookup
from reidbench.spec import IEEE, UserError

EAGER = "eager"

USUAL = {"device": "cpu", "precision": "fp32", "backend": EAGER}
"""How a cost is measured where its column says nothing else."""


@dataclass(frozen=True)
class Backend:
    """One way of running a network.

    `precisions` are those it computes in, by device. `packages` must be importable, and come with the extra `extra` of
    this project. `format` is the kind of file it loads (`files.FORMATS`), "" where it takes the torch model itself.
    """

    name: str
    about: str
    precisions: dict[str, tuple[str, ...]]
    packages: tuple[str, ...] = ()
    extra: str = ""
    format: str = ""

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(self.precisions)


_FLOATS = ("fp32", "bf16", "fp16")
_ON_GPU = (*_FLOATS, IEEE)

BACKENDS = {
    backend.name: backend
    for backend in (
        Backend(EAGER, "torch as it is, operator by operator", {"cpu": _FLOATS, "cuda": _ON_GPU}),
        Backend("compile", "torch.compile (inductor), weights frozen", {"cpu": _FLOATS, "cuda": _ON_GPU}),
        Backend(
            "cudagraph",
            "eager torch replayed as one CUDA graph: the CPU need not start its operators one by one",
            {"cuda": _ON_GPU},
        ),
        Backend(
            "fused",
            "one CUDA graph of convolutions that take batch norm, addition and ReLU along (cuDNN), side by side where "
            "none waits for the other",
            {"cuda": _ON_GPU},
        ),
        Backend(
            "onnxruntime",
            "ONNX Runtime on an ONNX file",
            {"cpu": ("fp32",)},
            ("onnxruntime", "onnx", "onnxscript"),
            "onnxruntime",
            "onnx",
        ),
        Backend(
            "openvino",
            "OpenVINO; int8 is quantised by NNCF and calibrated",
            {"cpu": ("fp32", "bf16", "int8")},
            ("openvino", "nncf", "onnx", "onnxscript"),
            "openvino",
            "openvino",
        ),
    )
}
"""Every backend by name."""


ONNX_TORCH = (2, 8)
"""The version of torch from which on the exporter of onnxscript, as it is installed today, takes these networks."""


@cache
def is_installed(package: str) -> bool:
    """Whether a package could be imported; it is not imported for that."""
    return find_spec(package) is not None


def missing(packages: tuple[str, ...], extra: str) -> str:
    """What is not installed of some packages and what to do; "" where all are."""
    absent = [package for package in packages if not is_installed(package)]
    if "onnxscript" in packages and is_installed("torch") and _version_of_torch() < ONNX_TORCH:
        absent.append(f"torch {'.'.join(map(str, ONNX_TORCH))} or newer")
    return f"{', '.join(absent)} not installed: {install_command(extra)}" if absent else ""


def _version_of_torch() -> tuple[int, ...]:
    return tuple(int(part) for part in version("torch").split(".")[:2])


@cache
def not_in(name: str, precision: str) -> str:
    """Why a backend that is installed does not compute in a precision on this CPU; "" where it does.

    Where the processor has no instructions for bf16, OpenVINO takes float32 without a word; torch rounds, slowly.
    """
    if (name, precision) != ("openvino", "bf16"):
        return ""
    try:
        import openvino
    except ImportError:  # It is told where it is to be measured.
        return ""
    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "" if "BF16" in capabilities else "this CPU has no bf16: OpenVINO would compute in fp32"


def packages_of(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The packages that a measurement's backend runs with, by its settings; torch's own have none beside torch."""
    return BACKENDS[settings.get("backend", EAGER)].packages


def check_backend(name: str, device: str, precision: str) -> Backend:
    """The backend of a name. Raises UserError if it is unknown or not for that device and precision."""
    found = lookup("backend", name, BACKENDS)
    if device not in found.precisions:
        raise UserError(f"backend {name} runs on {' and '.join(found.devices)}, not on {device}")
    if precision not in found.precisions[device]:
        choices = ", ".join(found.precisions[device])
        raise UserError(f"backend {name} on {device} computes in {choices}, not in {precision!r}")
    return found


def ran_on(settings: Mapping[str, Any], threads: int = 0) -> list[str]:
    """Device, precision and backend of a measurement's settings, as far as they are there; eager torch goes unsaid.

    The number of threads comes last where one is given.
    """
    words = [str(settings[name]) for name in ("device", "precision") if name in settings]
    words += [str(settings["backend"])] if settings.get("backend", EAGER) != EAGER else []
    return [*words, f"{threads} thread{'s' if threads != 1 else ''}"] if threads else words
