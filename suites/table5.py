"""Table 5: which temporal kernels TKS selects from.

python bench.py table5                  # quick preset, 2 CPU cores: about 4 minutes
python bench.py table5 --only cost      # no training: about a minute
python bench.py table5 --preset paper --dataset mars --root DIR --device cuda
"""

from reidbench.spec import Published, Row, Suite

from .columns import ACCURACY, COMPLEXITY, LATENCY, TKS_BY_CLIP


def _row(kernels: tuple[int, ...], gflops: str, params: str, mean_ap: str, top1: str) -> Row:
    values = {"gflops": gflops, "params": params, "mAP": mean_ap, "top1": top1}
    name = f"kernels {', '.join(map(str, kernels))}"
    return Row(name, "bicnet_tks", {"kernels": kernels}, (Published(values, "mars", "Table 5"),))


SUITE = Suite(
    title="Temporal kernels of TKS",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Table 5",
    reference="Base-B (256x128)",
    focus="kernels 3, 5",
    rows=(
        Row("Base-B (256x128)", "baseline"),
        _row((3,), "1.94", "28.3", "85.1", "89.9"),
        _row((5,), "1.94", "28.3", "85.3", "90.1"),
        _row((7,), "1.94", "28.3", "85.5", "89.8"),
        _row((3, 5), "1.99", "29.2", "86.0", "90.2"),
        _row((3, 7), "1.99", "29.2", "85.7", "90.0"),
        _row((5, 7), "1.99", "29.2", "85.6", "90.1"),
        _row((3, 5, 7), "2.04", "30.0", "85.8", "90.2"),
    ),
    columns=(*ACCURACY, *COMPLEXITY, *LATENCY),
    figures=("accuracy", "latency"),
    notes=("The paper's table has no Base-B; it stands here as the reference of the latency ratios.", TKS_BY_CLIP),
)
