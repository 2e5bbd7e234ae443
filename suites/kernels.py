"""Which temporal kernels TKS selects for slow, fast and occluded walkers: the claim of the paper's Figure 2.

python bench.py kernels                 # quick preset, 2 CPU cores: about 3 minutes
python bench.py kernels --seeds 3       # about 8 minutes
python bench.py kernels --preset paper --dataset mars --root DIR --device cuda    # without tempo and occlusion
"""

from reidbench.spec import Column, Row, Suite


def _row(kernels: tuple[int, ...]) -> Row:
    return Row(f"kernels {', '.join(map(str, kernels))}", "bicnet_tks", {"kernels": kernels})


SUITE = Suite(
    title="Temporal kernels that TKS selects",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Figure 2, which prints no numbers",
    reference="kernels 3, 5",
    rows=(_row((3, 5)), _row((3, 7)), _row((3, 5, 7))),
    columns=(
        Column("selection.long"),
        Column("selection.long_fast"),
        Column("selection.long_slow"),
        Column("selection.long_clear"),
        Column("selection.long_occluded"),
        Column("selection.tempo_gap"),
        Column("selection.occlusion_gap"),
        Column("selection.spread"),
        Column("selection.channel_spread"),
        Column("selection.tempo_channels"),
        Column("selection.tempo_channels_bound"),
        Column("selection.occlusion_channels"),
        Column("selection.occlusion_channels_bound"),
    ),
    figures=("selection",),
    notes=(
        "The paper argues that fast walkers need short kernels and occluded ones long kernels; both gaps are then "
        "above 0. Weights are means over the channels, and channels that move in contrary directions cancel there; the "
        "last columns look at each channel by itself. Channels move together, so that without any effect far more than "
        "5 % of them may differ: how many at most, in 95 % of cases, stands beside. Both are means over trainings; "
        "each training is judged by its own.",
    ),
)
