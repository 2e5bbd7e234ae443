"""The cost formula of section 3.3 against counted and measured cost, over alpha.

python bench.py complexity              # 2 CPU cores: about 2 minutes
"""

from reidbench.spec import Column, Row, Suite

from .columns import GPU

ALPHAS = {1: 8, 2: 9, 3: 8, 4: 10, 7: 8}
"""Frames a clip by alpha: a multiple of 1 + alpha, near the paper's 8."""

SUITE = Suite(
    title="Cost over alpha: by formula, counted and measured",
    source="Hou et al., BiCnet-TKS, CVPR 2021, section 3.3, Computation Cost Analysis",
    reference="alpha 0 (Base-B)",
    focus="alpha 3, BiCnet-TKS",
    rows=(
        Row("alpha 0 (Base-B)", "baseline"),
        *(Row(f"alpha {alpha}", "two_branch", {"alpha": alpha}, frames=frames) for alpha, frames in ALPHAS.items()),
        Row("alpha inf (Base-S)", "baseline", {"shrink": (2,)}),
        *(
            Row(f"alpha {alpha}, BiCnet-TKS", "bicnet_tks", {"alpha": alpha}, frames=frames)
            for alpha, frames in ALPHAS.items()
        ),
    ),
    columns=(
        Column("formula.predicted"),
        Column("formula.counted"),
        Column("formula.excess"),
        Column("latency.ratio"),
        Column("latency.per_frame"),
        Column("latency.ratio", settings=GPU),
        Column("complexity.macs"),
        Column("complexity.params"),
    ),
    figures=("formula",),
    notes=(
        "The formula counts pixels: a small frame costs a quarter of a big one, so that with alpha small frames for "
        "each big one the cost falls by 3/4 - 3/(4 alpha + 4). It leaves out the stem, which the release runs on full "
        "frames, and what CSP, DAO and TKS add.",
    ),
)
