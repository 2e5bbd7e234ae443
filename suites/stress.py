"""Accuracy as a function of one controlled factor of the synthetic data at a time (beyond the paper).

python bench.py stress                  # quick preset, 2 CPU cores: about 35 minutes a seed
python bench.py stress --rows 1 7       # some rows
"""

from reidbench.spec import Column, Row, Suite

LEVELS = {
    "occlusion rate": [(level, {"occlusion": level}) for level in (0.0, 0.2, 0.5, 0.8)],
    "share told by the emblem": [(level, {"detail": level, "gait": 0.0}) for level in (0.0, 0.5, 1.0)],
    "share told by the tempo": [(level, {"detail": 0.0, "gait": level}) for level in (0.0, 0.5, 1.0)],
    "frame rate (x default)": [(level, {"rate": level, "occlusion": 0.0}) for level in (0.5, 1.0, 2.0, 4.0)],
    "misaligned boxes (x default)": [(level, {"misalignment": level}) for level in (0.0, 1.0, 3.0, 6.0)],
}
"""The levels of each factor, with the options of the dataset. The frame rate is varied without occluders, which would
stay for more frames at a higher one."""

DEFAULTS = {"occlusion": 0.2, "detail": 0.5, "gait": 0.5, "rate": 1.0, "misalignment": 1.0}


def _held(levels: list[tuple[float, dict[str, float]]]) -> str:
    """The options that all levels of a factor set alike; "" for none."""
    first, *others = (options for _, options in levels)
    return ", ".join(f"{k} {v:g}" for k, v in first.items() if all(options.get(k) == v for options in others))


HELD = "; ".join(f"{factor}, all at {held}" for factor, levels in LEVELS.items() if (held := _held(levels)))


def _column(factor: str, level: float, options: dict[str, float]) -> Column:
    """Options at their default are left out, so that the point shares the records of the other tables."""
    data = {name: value for name, value in options.items() if value != DEFAULTS[name]}
    return Column("accuracy.mAP", title=f"{factor} {level:g}", data=data, level=(factor, level))


SUITE = Suite(
    title="Accuracy under one controlled factor at a time",
    reference="Base-B (256x128)",
    focus="BiCnet-TKS",
    rows=(
        Row("Base-S (128x64)", "baseline", {"shrink": (2,)}),
        Row("Base-B (256x128)", "baseline"),
        Row("Two-branch (TB)", "two_branch"),
        Row("BiCnet", "bicnet"),
        Row("BiCnet-TKS", "bicnet_tks"),
        Row("BiCnet-TKS, kernel 3", "bicnet_tks", {"kernels": (3,)}),
        Row("BiCnet-TKS, kernel 7", "bicnet_tks", {"kernels": (7,)}),
    ),
    columns=tuple(_column(factor, level, options) for factor, levels in LEVELS.items() for level, options in levels),
    figures=("stress",),
    contrasts=(
        ("BiCnet", "Two-branch (TB)"),
        ("BiCnet-TKS", "BiCnet"),
        ("BiCnet-TKS, kernel 3", "BiCnet-TKS, kernel 7"),
    ),
    notes=(
        f"What a panel does not vary is at its default ({', '.join(f'{k} {v:g}' for k, v in DEFAULTS.items())}), but: "
        f"{HELD}. So levels of two panels that bear one number need not be the same data.",
        "Each model is trained and tested on data made with the level. What finding the "
        "groups of look-alikes alone gives moves with their shares, so heights of two panels are not to be compared; "
        "rows within a panel are.",
        "The paper argues (Fig. 2) that occluded sequences need long temporal kernels and those of quick walkers short "
        "ones. The two rows of one kernel test it: that of kernel 7 should gain on that of kernel 3 as occluders "
        "become common, and as the frame rate rises, for a walker then moves less from frame to frame. A gap that "
        "closes because the better row falls does not support it.",
    ),
)
