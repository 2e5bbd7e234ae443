"""Table 6: after which stage of the trunk TKS stands.

python bench.py table6                  # quick preset, 2 CPU cores: about 4 minutes
python bench.py table6 --only cost      # no training: about a minute
python bench.py table6 --preset paper --dataset mars --root DIR --device cuda
"""

from reidbench.spec import Published, Row, Suite

from .columns import ACCURACY, COMPLEXITY, LATENCY, TKS_BY_CLIP


def _row(stages: tuple[int, ...], gflops: str, params: str, mean_ap: str, top1: str) -> Row:
    values = {"gflops": gflops, "params": params, "mAP": mean_ap, "top1": top1}
    name = f"stage {' and '.join(map(str, stages))}"
    return Row(name, "bicnet_tks", {"stages": stages}, (Published(values, "mars", "Table 6"),))


SUITE = Suite(
    title="Place of TKS in the trunk",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Table 6",
    reference="Base-B (256x128)",
    focus="stage 2",
    rows=(
        Row("Base-B (256x128)", "baseline"),
        _row((1,), "1.99", "28.0", "85.3", "90.1"),
        _row((2,), "1.99", "29.2", "86.0", "90.2"),
        _row((3,), "1.99", "34.1", "85.7", "90.4"),
        _row((4,), "2.29", "53.5", "85.4", "90.0"),
        _row((2, 3), "2.09", "35.7", "85.8", "90.3"),
    ),
    columns=(*ACCURACY, *COMPLEXITY, *LATENCY),
    figures=("accuracy", "latency"),
    notes=(
        "The paper's table has no Base-B; it stands here as the reference of the latency ratios. TKS pools its maps to "
        "4x2 regions, or to as many as the small maps have positions: in frames of 64x32 pixels 2x1 after stages 3 and "
        "4.",
        TKS_BY_CLIP,
    ),
)
