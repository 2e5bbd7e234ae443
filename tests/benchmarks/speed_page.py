"""What comparisons of speed found, as a page, such as `docs/speed.md`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import metadata

from reidbench import machine
from reidbench.data.jpeg import decoder
from reidbench.deployment.backends import BACKENDS
from reidbench.running.jobs import KEEP_FREED_MEMORY
from reidbench.statistics import Estimate

Tell = Callable[..., None]
"""Tells a row of a table: its title, then texts by column."""

TOLD: dict[str, list[Mapping[str, str]]] = {}
"""What comparisons found: by the title of a table its rows, each a text by column."""

ON_GPU = "REIDBENCH_SPEED_PAGE={} pytest --benchmark-only tests/benchmarks/test_on_gpu.py"

COMMAND = """REIDBENCH_NIGHTLY=1 REIDBENCH_SPEED_PAGE={} pytest --benchmark-only \\
    tests/benchmarks/test_{{inference,training_step,decoding,ranking_speed}}.py"""
"""What writes a page; {} is its file."""

ABOUT_CPU = (
    "Operations a second count a multiply-accumulate as two. Written, in six to ten minutes and with 8 GB of disk, by",
)
ABOUT_GPU = (
    "Eager times are those of the CPU that starts the operators, and differ more. Clips: theirs in fp32 by eager",
    "torch. Steps: ten rounds, half of the paper's batch, their Adam as torch runs it by default, ours fused; ours as",
    "training takes them, captured as one CUDA graph from forward to backward, unless it says eager; theirs eager",
    "unless it says captured. In fp32, convolutions are TF32 and matrix products float32, which is torch's default.",
    "Written, in about a minute, by",
)


def with_interval(found: Estimate) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def speed_page(page: str, *, on_gpu: bool) -> str:
    """What was told, on a GPU or on a CPU, with the machine and the versions that it holds of, for the file `page`."""
    facts = machine.describe()
    others = () if on_gpu else (*BACKENDS["onnxruntime"].packages, *BACKENDS["openvino"].packages)
    versions = machine.versions(others)
    if on_gpu:
        versions |= {name: str(value) for name, value in machine.gpu_facts("cuda").items() if name in ("cuda", "cudnn")}
    if decoder() == "simplejpeg":
        versions["simplejpeg"] = metadata.version("simplejpeg")
    kept = KEEP_FREED_MEMORY.items() <= os.environ.items()
    lines = [
        "# Speed, side by side",
        "",
        "What is compared takes turns in one process. A ratio is the median of those of the turns; in brackets stands",
        "its 95 % interval over these; other processes differ by a few percent more. The authors' layout is that of",
        "their code, five-dimensional convolutions on contiguous clips, with the same weights, run by eager torch.",
        *(ABOUT_GPU if on_gpu else ABOUT_CPU),
        "",
        "```",
        *(["export " + " ".join(f"{name}={value}" for name, value in KEEP_FREED_MEMORY.items())] if kept else []),
        (ON_GPU if on_gpu else COMMAND).format(page),
        "```",
        "",
        f"on {machine.name()} ({facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB{facts['gpu'] and ', '}"
        f"{facts['gpu']}), {machine.now()[:10]}, with",
        f"{', '.join(f'{name} {version}' for name, version in versions.items() if version)}.",
    ]
    for title, rows in TOLD.items():
        columns = list(dict.fromkeys(name for row in rows for name in row))
        lines += ["", f"## {title}", "", f"| {' | '.join(name.replace('_', ' ') for name in columns)} |"]
        numeric = [all(row.get(name, "0")[:1].isdigit() for row in rows) for name in columns]
        lines += [f"| {' | '.join('---:' if right else '---' for right in numeric)} |"]
        lines += [f"| {' | '.join(row.get(name, '') for name in columns)} |" for row in rows]
    return "\n".join(lines) + "\n"
