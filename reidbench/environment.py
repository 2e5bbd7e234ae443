"""Variables of the environment by which libraries compute in another way, or at another speed. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping

OVERRULING = (
    "DNNL_DEFAULT_FPMATH_MODE",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    "TORCH_COMPILE_DISABLE",
    "TORCHDYNAMO_DISABLE",
    "OMP_DYNAMIC",
    "OMP_MAX_ACTIVE_LEVELS",
    "OMP_THREAD_LIMIT",
)
"""With these float32 is rounded, a network not compiled, or fewer threads compute, whatever a cell's settings say:
they are put aside.

Some are set by images and instructions for servers, for every program alike.
"""

TOLD = (
    "LD_PRELOAD",
    "GLIBC_TUNABLES",
    "MALLOC_ARENA_MAX",
    "MALLOC_CONF",
    "MALLOC_MMAP_MAX_",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "MALLOC_TRIM_THRESHOLD_",
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "OMP_PLACES",
    "OMP_PROC_BIND",
    "OMP_SCHEDULE",
    "OMP_WAIT_POLICY",
    "GOMP_CPU_AFFINITY",
    "GOMP_SPINCOUNT",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_DEVICE_MAX_CONNECTIONS",
    "CUDA_LAUNCH_BLOCKING",
    "CUDA_MODULE_LOADING",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_NO_CUDA_MEMORY_CACHING",
    "THP_MEM_ALLOC_ENABLE",
    "TORCH_BLAS_PREFER_CUBLASLT",
    "TORCH_CUDNN_USE_HEURISTIC_MODE_B",
    "TORCH_CUDNN_V8_API_DISABLED",
    "TORCHINDUCTOR_FREEZING",
    "TORCHINDUCTOR_MAX_AUTOTUNE",
)
"""What a user may well want, and what changes times, memory or last digits: a record holds those that were set.

How many threads there are is a setting of its own.
"""


_aside: list[str] = []


def kept(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without the variables that would overrule the settings of a measurement."""
    return {name: value for name, value in environment.items() if name not in OVERRULING}


def put_aside() -> None:
    """Takes these out of this process's own environment; to be called before torch is imported."""
    _aside.extend(name for name in OVERRULING if os.environ.pop(name, ""))


def aside() -> list[str]:
    """The names of those that were set and have been taken out."""
    return list(_aside)


def told() -> dict[str, str]:
    """What is set of that which a record tells, by name."""
    return {name: os.environ[name] for name in TOLD if os.environ.get(name)}
