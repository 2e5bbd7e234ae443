"""Columns that several tables share."""

from reidbench.spec import Column

GPU = {"device": "cuda", "precision": "fp32"}
GPU_BF16 = {"device": "cuda", "precision": "bf16"}

ACCURACY = (
    Column("accuracy.mAP", "mAP"),
    Column("accuracy.top1", "top1"),
)

COMPLEXITY = (
    Column("complexity.gflops", "gflops"),
    Column("complexity.macs"),
    Column("complexity.macs_fvcore"),
    Column("complexity.params", "params"),
)

LATENCY = (
    Column("latency.per_frame"),
    Column("latency.ratio"),
    Column("latency.per_frame", settings=GPU),
    Column("latency.ratio", settings=GPU),
    Column("latency.ratio", settings=GPU_BF16),
)
