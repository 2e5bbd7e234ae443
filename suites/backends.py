"""Backends: what runs a trained network, what that buys in time, and what it costs in accuracy.

pip install -e '.[onnxruntime,openvino]'
python bench.py backends                # quick preset, 2 CPU cores: about a quarter of an hour
python bench.py backends --only cost    # about 10 minutes, most of it exporting and compiling
"""

from reidbench.spec import Column, Suite

from .columns import DEPLOYED

BACKENDS: tuple[dict[str, str], ...] = (
    {},
    {"precision": "bf16"},
    {"backend": "compile"},
    {"backend": "onnxruntime"},
    {"backend": "openvino"},
    {"backend": "openvino", "precision": "bf16"},
    {"backend": "openvino", "precision": "int8"},
)
GPU_BACKENDS = tuple(
    {"device": "cuda", "backend": backend, "precision": precision}
    for backend in ("eager", "compile", "cudagraph", "fused")
    for precision in ("fp32", "bf16")
)
COSTS = ("latency.latency", "latency.ratio", "throughput.throughput", "memory.added", "disk.size")
FIDELITY = ("fidelity.mAP", "fidelity.lost", "fidelity.cosine_error", "fidelity.worst")

SUITE = Suite(
    title="Backends: latency, throughput, memory, size and what is lost",
    reference="Base-B (256x128)",
    focus="BiCnet-TKS",
    rows=DEPLOYED,
    columns=(
        Column("complexity.macs"),
        *(Column(quantity, settings=settings) for settings in (*BACKENDS, *GPU_BACKENDS) for quantity in COSTS),
        *(
            Column(quantity, settings={"backend": "eager", "precision": "fp32", **settings})
            for settings in BACKENDS[1:]
            for quantity in FIDELITY
        ),
    ),
    figures=("backends", "batches"),
    notes=(
        "Every backend is a session of its own, in which the rows take turns: ratios hold within it, and times of two "
        "backends were taken minutes apart.",
        "Memory is what a fresh process takes for loading the network's file and computing one clip, on top of torch, "
        "which it has imported; that of compile holds the compiler.",
        "Weights are random where time, memory and size are measured; what is lost is measured on trained models, at "
        "the preset's scale.",
    ),
)
