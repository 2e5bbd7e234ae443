"""What a number was measured on: the machine's fingerprint and the versions of what ran. Imports no torch."""

from __future__ import annotations

import datetime
import glob
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from reidbench import __version__
from reidbench.resources import allowed_cores
from reidbench.spec import UserError, canonical_json

PACKAGES = ("reidbench", "torch", "numpy", "fvcore", "ptflops", "pillow", "scipy")
"""Whose versions every record holds; one measured on a backend holds those of the backend's packages, too."""

BUSY = 0.1
"""The share of the cores in use that other processes may take, on average, while something is timed: above that a time
is not to be trusted."""

ASK_TORCH = """import sys, torch
try:
    print(*map(torch.cuda.get_device_name, range(max(1, torch.cuda.device_count()))), sep=chr(9))
except Exception as error:
    sys.exit(str(error).strip().partition(chr(10))[0])"""

SECONDS_TO_ASK = 120
"""After which torch is taken not to answer: its first import from a slow disk takes a minute."""

SIGNS_OF_A_GPU = ("/dev/nvidia*", "/proc/driver/nvidia")
"""What the driver puts there; a container has the devices, but often no nvidia-smi."""


CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Gpu:
    """The name of the CUDA GPU that torch computes on; where it has none "", and the `reason` if one may be there.

    `alike` are all that have this name, itself first, each as CUDA_VISIBLE_DEVICES would name it alone.
    """

    name: str = ""
    reason: str = ""
    alike: tuple[str, ...] = ()


@cache
def describe() -> dict[str, Any]:
    """The facts that make two machines comparable: processor, cores, memory (GiB), accelerator, system."""
    import psutil

    return {
        "cpu": _cpu(),
        "cores": physical_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "gpu": gpu().name,
        "system": platform.system(),
        "architecture": platform.machine(),
    }


def name() -> str:
    """The folder name of this machine under `results/`: $REIDBENCH_MACHINE, or made from its description."""
    chosen = os.environ.get("REIDBENCH_MACHINE", "")
    if chosen:
        return check_name(chosen)
    facts = describe()
    words = f"{facts['gpu'] or facts['cpu'].partition(' (')[0]} {facts['cores']} core"
    digest = hashlib.sha256(canonical_json(facts).encode()).hexdigest()[:4]
    return f"{slug(words)}-{digest}"


def check_name(text: str) -> str:
    """The name itself if it can be a folder's, else UserError."""
    if slug(text) != text.lower():
        raise UserError(f"machine name {text!r}: use letters, digits, '-' and '.' only")
    return text


def slug(text: str) -> str:
    """Lower-case letters, digits, dots and dashes: safe in file names everywhere."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


def physical_cores() -> int:
    """Physical cores this process may run on: the number of threads used for latency on a CPU."""
    allowed = allowed_cores()
    return max(1, min(allowed, _cores_built_in() or allowed))


@cache
def _cores_built_in() -> int:
    """Physical cores of the machine; 0 where the system does not say. On Linux a file is read for each."""
    import psutil

    return psutil.cpu_count(logical=False) or 0


def most_load(cores: int = 0) -> float:
    """The cores that other processes may use beside something that is timed on so many (0: on all)."""
    return BUSY * (cores or physical_cores())


def busy_seconds() -> float:
    """Seconds that all cores together were not idle; time stolen by the host counts, for it is lost here too."""
    import psutil

    times = psutil.cpu_times()
    # Linux counts the time of a guest in that of its host process too: `guest` in `user`, `guest_nice` in `nice`.
    apart = ("idle", "iowait", "guest", "guest_nice")
    return float(sum(times) - sum(getattr(times, name, 0.0) for name in apart))


def now() -> str:
    """The time in UTC, to the second, as records note it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def versions(others: Sequence[str] = ()) -> dict[str, str]:
    """Versions of Python, of the packages that can change a number, and of others; "" where one is not installed."""
    found = {"python": platform.python_version()}
    found |= {package: _version(package) for package in (*PACKAGES, *others)}
    # That of the code that runs: another one may be installed.
    found["reidbench"] = __version__
    return found


@cache
def _version(package: str) -> str:
    """Looked up once: what a process has imported stays, and each look takes a millisecond."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


@cache
def gpu() -> Gpu:
    """What torch says of its GPUs, in a process of its own; nothing is asked where there can be none.

    Raises UserError where torch does not answer in time: without its GPU this would be another machine.
    """
    if not (shutil.which("nvidia-smi") or any(map(glob.glob, SIGNS_OF_A_GPU))):
        return Gpu()
    if hides_gpus():
        return Gpu(reason="CUDA_VISIBLE_DEVICES hides it")
    command = [sys.executable, "-P", "-c", ASK_TORCH]  # -P: whatever files lie in the working folder
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_TO_ASK, check=False)
    except subprocess.TimeoutExpired:
        advice = 'try again, or set CUDA_VISIBLE_DEVICES="" to do without a GPU'
        raise UserError(f"torch: did not say within {SECONDS_TO_ASK} s what GPU it sees; {advice}") from None
    names, said = answer.stdout.strip().rpartition("\n")[2].split("\t"), answer.stderr.strip().rpartition("\n")[2]
    if answer.returncode or not names[0]:
        return Gpu(reason=said[:200].rstrip(".") or f"exit code {answer.returncode}")
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(len(names))))).split(",")
    # zip: an entry that CUDA does not know ends its list, so that torch may see fewer than are named.
    alike = tuple(place.strip() for place, name in zip(shown, names, strict=False) if name == names[0])
    return Gpu(names[0], alike=alike)


def hides_gpus() -> bool:
    """Whether CUDA_VISIBLE_DEVICES leaves programs no GPU at all."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")


def gpu_facts(device: str) -> dict[str, Any]:
    """What may change a number on a GPU and stands in no package's version, as torch says; nothing on a CPU."""
    if not device.startswith("cuda"):
        return {}
    import torch

    return {
        "gpu": torch.cuda.get_device_name(device),
        "gpu_uuid": str(getattr(torch.cuda.get_device_properties(device), "uuid", "")),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "tf32_products": torch.get_float32_matmul_precision() != "highest",
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
    }


def _cpu() -> str:
    """Model name with family, model and stepping, because virtual machines shorten the name; on ARM, which has no such
    name, with who made what part."""
    if not CPUINFO.is_file():
        return _apple_cpu() or platform.processor() or platform.machine()
    fields: dict[str, str] = {}
    for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
        label, _, value = line.partition(":")
        fields.setdefault(label.strip(), value.strip())
    model = re.sub(r"\(R\)|\(TM\)|CPU|Processor", "", fields.get("model name", platform.machine()))
    numbers = [fields.get(label, "") for label in ("cpu family", "model", "stepping")]
    detail = f" (family {numbers[0]} model {numbers[1]} stepping {numbers[2]})" if all(numbers) else ""
    if "CPU implementer" in fields:
        parts = [f"{label} {fields.get(f'CPU {label}', '')}" for label in ("implementer", "part", "variant")]
        detail = f" ({' '.join(parts)})"
    return " ".join(model.split()) + detail


def _apple_cpu() -> str:
    """The name of an ARM processor of Apple's, which Python calls "arm", whichever it is; "" of any other."""
    if (platform.system(), platform.machine()) != ("Darwin", "arm64"):
        return ""
    return " ".join(answer_of("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string").split())


def answer_of(*command: str) -> str:
    """What a program of the system prints; "" where it is missing, fails or takes too long."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
