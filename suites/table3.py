"""Table 3: one, two and three branches, the frames of a clip split evenly over inputs of 256, 128 and 64 pixels.

python bench.py table3                  # quick preset, 2 CPU cores: about 3 minutes
python bench.py table3 --only cost      # no training: under a minute
python bench.py table3 --preset paper --dataset mars --root DIR --device cuda
"""

from reidbench.spec import Published, Row, Suite

from .columns import ACCURACY, COMPLEXITY, LATENCY


def _row(name: str, shrink: tuple[int, ...], gflops: str, mean_ap: str, top1: str, frames: int = 8) -> Row:
    values = {"gflops": gflops, "params": "23.5", "mAP": mean_ap, "top1": top1}
    return Row(name, "baseline", {"shrink": shrink}, (Published(values, "mars", "Table 3"),), frames)


SUITE = Suite(
    title="Branches of one trunk at one, two and three input sizes",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Table 3",
    reference="256x128",
    focus="256x128 + 128x64",
    rows=(
        _row("256x128", (1,), "4.08", "85.2", "89.1"),
        _row("128x64", (2,), "1.02", "80.7", "87.4"),
        _row("64x32", (4,), "0.25", "64.1", "77.4"),
        _row("256x128 + 128x64", (1, 2), "2.55", "84.8", "89.4"),
        _row("256x128 + 128x64 + 64x32", (1, 2, 4), "1.76", "79.1", "86.1", frames=9),
    ),
    columns=(*ACCURACY, *COMPLEXITY, *LATENCY),
    figures=("accuracy", "latency"),
    notes=(
        "Three branches split clips of 9 frames evenly, the others clips of 8. Rows are named after the paper's sizes: "
        "trained at another scale, they keep the proportion to the full frame, so that of 64x32 frames the row 64x32 "
        "sees 16x8.",
    ),
)
