"""Table 2: what each component of BiCnet-TKS buys on MARS, and what it costs.

python bench.py table2                  # quick preset, 2 CPU cores: 4 to 8 minutes
python bench.py table2 --only cost      # no training: about 2 minutes
python bench.py table2 --preset paper --dataset mars --root DIR --device cuda
"""

from reidbench.spec import Column, Published, Row, Suite

from .columns import ACCURACY, COMPLEXITY, GPU, GPU_BF16, GPU_GRAPH, GPU_GRAPH_BF16, TKS_BY_CLIP


def _row(name: str, model: str, gflops: str, params: str, mean_ap: str, top1: str, **options: object) -> Row:
    values = {"gflops": gflops, "params": params, "mAP": mean_ap, "top1": top1}
    return Row(name, model, options, (Published(values, "mars", "Table 2"),))


ROWS = (
    _row("Base-S (128x64)", "baseline", "1.02", "23.5", "80.7", "87.4", shrink=(2,)),
    _row("Base-B (256x128)", "baseline", "4.08", "23.5", "85.2", "89.1"),
    _row("Two-branch (TB)", "two_branch", "1.81", "23.5", "84.3", "89.6"),
    _row("TB+CSP", "bicnet", "1.89", "27.6", "85.0", "89.6", attention="none"),
    _row("TB+CSP+AO (no L)", "bicnet", "1.89", "27.6", "85.2", "89.3", attention="ao"),
    _row("TB+CSP+DAO (BiCnet)", "bicnet", "1.89", "27.6", "85.6", "89.8"),
    _row("BiCnet-TK (fix-fusion)", "bicnet_tk", "1.91", "29.1", "85.5", "89.6"),
    _row("BiCnet-TKS", "bicnet_tks", "1.99", "29.2", "86.0", "90.2"),
)

SUITE = Suite(
    title="Component analysis of BiCnet-TKS",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Table 2",
    reference="Base-B (256x128)",
    focus="BiCnet-TKS",
    figures=("accuracy", "differences", "rows", "latency", "factors"),
    ablation=True,
    rows=ROWS,
    columns=(
        *ACCURACY,
        Column("accuracy.mINP"),
        Column("accuracy.mAP_emblem"),
        Column("accuracy.mAP_tempo"),
        Column("accuracy.mAP_occluded"),
        Column("accuracy.auc_emblem"),
        Column("accuracy.auc_tempo"),
        *COMPLEXITY,
        Column("latency.latency"),
        Column("latency.ratio"),
        Column("throughput.throughput"),
        Column("memory.peak"),
        Column("latency.latency", settings=GPU),
        Column("latency.ratio", settings=GPU),
        Column("throughput.throughput", settings=GPU),
        Column("memory.peak", settings=GPU),
        *(
            Column(quantity, settings=settings)
            for settings in (GPU_BF16, GPU_GRAPH, GPU_GRAPH_BF16)
            for quantity in ("latency.latency", "latency.ratio")
        ),
    ),
    notes=(TKS_BY_CLIP,),
)
