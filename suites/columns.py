"""Columns and rows that several tables share."""

from reidbench.spec import Column, Row

GPU = {"device": "cuda", "precision": "fp32"}
GPU_BF16 = {"device": "cuda", "precision": "bf16"}
GPU_IEEE = {"device": "cuda", "precision": "ieee32"}
GPU_GRAPH = {**GPU, "backend": "cudagraph"}
GPU_GRAPH_BF16 = {**GPU_BF16, "backend": "cudagraph"}
GPU_GRAPH_IEEE = {**GPU_IEEE, "backend": "cudagraph"}
GPU_FUSED = {**GPU, "backend": "fused"}
GPU_FUSED_IEEE = {**GPU_IEEE, "backend": "fused"}
GPU_FUSED_BF16 = {**GPU_BF16, "backend": "fused"}

ON_GPU = (
    "On a GPU the eager time of one clip is that of starting its operators one by one, and goes with their number "
    "more than with the operations in them. A CUDA graph is started by one call; its operators still run one after "
    "another, fused ones side by side where they can. Where the GPU has TF32 (Ampere and later), fp32 is "
    "TF32 in convolutions and float32 in matrix products, which is torch's default; ieee32 is float32 throughout."
)

EARLY = (
    "A row stops doubling its batch when that gains less than 3 %, so that rows of nearly one throughput may have been "
    "read at unlike batches: differences of a few percent between them do not tell which is faster."
)

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

TKS_BY_CLIP = (
    "One reading that fits the printed GFLOPs, made after Tables 5 and 6 were seen (see the audit), is that the paper "
    "counts the operations of TKS by the clip and all others by the frame. Here all are counted by the frame, so that "
    "rows with TKS lie below the printed values."
)

LATENCY = (
    Column("latency.per_frame"),
    Column("latency.ratio"),
    Column("latency.per_frame", settings=GPU),
    Column("latency.ratio", settings=GPU),
    Column("latency.ratio", settings=GPU_BF16),
    Column("latency.ratio", settings=GPU_GRAPH),
    Column("latency.ratio", settings=GPU_GRAPH_BF16),
)

DEPLOYED = (
    Row("Base-S (128x64)", "baseline", {"shrink": (2,)}),
    Row("Base-B (256x128)", "baseline"),
    Row("TCLNet", "tclnet"),
    Row("Two-branch (TB)", "two_branch"),
    Row("BiCnet-TKS", "bicnet_tks"),
)
"""What is looked at as a deployment runs it."""
