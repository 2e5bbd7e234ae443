"""Table 4: how many frames are small for each big one, from all big (Base-B) to all small (Base-S).

python bench.py table4                  # quick preset, 2 CPU cores: about 3 minutes
python bench.py table4 --only cost      # no training: under a minute
python bench.py table4 --preset paper --dataset mars --root DIR --device cuda
"""

from reidbench.spec import Published, Row, Suite

from .columns import ACCURACY, COMPLEXITY, LATENCY


def _row(name: str, model: str, gflops: str, mean_ap: str, top1: str, frames: int = 8, **options: object) -> Row:
    values = {"gflops": gflops, "params": "23.5", "mAP": mean_ap, "top1": top1}
    return Row(name, model, options, (Published(values, "mars", "Table 4"),), frames)


SUITE = Suite(
    title="Small frames for each big one in a two-branch network",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Table 4",
    reference="alpha 0 (Base-B)",
    focus="alpha 3",
    rows=(
        _row("alpha 0 (Base-B)", "baseline", "4.08", "85.2", "89.1"),
        _row("alpha 1", "two_branch", "2.57", "84.8", "89.4", alpha=1),
        _row("alpha 2", "two_branch", "2.07", "84.4", "89.7", frames=9, alpha=2),
        _row("alpha 3", "two_branch", "1.81", "84.3", "89.6", alpha=3),
        _row("alpha 4", "two_branch", "1.67", "83.8", "89.5", frames=10, alpha=4),
        _row("alpha inf (Base-S)", "baseline", "1.02", "80.7", "87.4", shrink=(2,)),
    ),
    columns=(*ACCURACY, *COMPLEXITY, *LATENCY),
    figures=("accuracy", "latency"),
    notes=(
        "A clip is a multiple of 1 + alpha frames: 9 at alpha 2, 10 at alpha 4, else 8. The paper does not say how "
        "long its clips were there. Costs are per frame.",
    ),
)
