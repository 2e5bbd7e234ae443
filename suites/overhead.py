"""Time overhead: the paper's 11 ms against 6 ms for one clip, on CPU and GPU, by precision, for one clip and a batch.

python bench.py overhead                # 2 CPU cores: about 3 minutes; with a GPU its columns too
"""

from reidbench.spec import Column, Published, Row, Suite

from .columns import (
    GPU,
    GPU_BF16,
    GPU_FUSED,
    GPU_FUSED_BF16,
    GPU_FUSED_IEEE,
    GPU_GRAPH,
    GPU_GRAPH_BF16,
    GPU_GRAPH_IEEE,
    GPU_IEEE,
    ON_GPU,
)

IN_FLOAT32 = (GPU_IEEE, GPU_GRAPH_IEEE, GPU_FUSED_IEEE)
CPU_BF16 = {"device": "cpu", "precision": "bf16"}
EAGER: tuple[dict[str, str], ...] = ({}, CPU_BF16, GPU, GPU_IEEE, GPU_BF16)
AT_ONCE = (GPU_FUSED, GPU_FUSED_IEEE, GPU_FUSED_BF16, GPU_GRAPH, GPU_GRAPH_IEEE, GPU_GRAPH_BF16)


def _row(name: str, model: str, milliseconds: str = "", **options: object) -> Row:
    published = (Published({"latency_ms": milliseconds}, source="Time Overhead"),) if milliseconds else ()
    return Row(name, model, options, published)


def _published(quantity: str, settings: dict[str, str]) -> str:
    return "latency_ms" if quantity == "latency.latency" and settings in IN_FLOAT32 else ""


SUITE = Suite(
    title="Time overhead of one 8-frame clip, and time as a function of operations",
    source="Hou et al., BiCnet-TKS, CVPR 2021, section 4.3, Time Overhead",
    reference="Base-B (256x128)",
    focus="BiCnet-TKS",
    rows=(
        _row("Base-S (128x64)", "baseline", shrink=(2,)),
        _row("Base-B (256x128)", "baseline", "11"),
        _row("Two-branch (TB)", "two_branch"),
        _row("BiCnet", "bicnet"),
        _row("BiCnet-TKS", "bicnet_tks", "6"),
    ),
    columns=(
        Column("complexity.macs"),
        Column("complexity.gflops"),
        *(
            Column(quantity, _published(quantity, settings), settings)
            for settings in (*EAGER, *AT_ONCE)
            for quantity in ("latency.latency", "latency.ratio")
        ),
        *(
            Column(quantity, settings=settings)
            for settings in EAGER
            for quantity in ("throughput.throughput", "throughput.batch")
        ),
        Column("memory.peak"),
        Column("memory.peak", settings=GPU),
    ),
    figures=("overhead", "batches", "latency"),
    notes=(
        "The paper timed Base-B and BiCnet-TKS on one NVIDIA RTX 2080 Ti and prints 11 and 6 ms for one sequence: by "
        "their rounding a ratio of 0.48 to 0.62. That GPU has no TF32, so that its times stand beside those in ieee32: "
        "beside all of these, for it does not say how the networks were run.",
        ON_GPU,
    ),
)
