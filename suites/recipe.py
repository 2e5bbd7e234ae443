"""What each choice of the training recipe is worth: one at a time, on two networks (beyond the paper).

python bench.py recipe                  # quick preset, 2 CPU cores: about 10 minutes
python bench.py recipe --seeds 3        # with the spread of training: about half an hour
python bench.py recipe --rows 1-3       # some rows
"""

from collections.abc import Mapping
from typing import Any

from reidbench.spec import Column, Row, Suite

CHOICES: Mapping[str, Mapping[str, Any]] = {
    "labels smoothed by 0.1": {"smoothing": 0.1},
    "without triplets": {"metric_weight": 0.0},
    "Euclidean triplets": {"metric_distance": "euclidean"},
    "contrastive loss": {"metric_loss": "contrastive"},
    "frames from all over the tracklet": {"sampling": "restricted"},
    "without flips": {"flip": 0.0},
    "boxes erased": {"erase": 0.5},
    "look-alikes in any batch": {"grouped": False},
    "trunk from random weights": {"trunk": ""},
    "trained in bf16": {"precision": "bf16"},
    "1200 steps": {"steps": 1200},
}
"""What of the recipe is otherwise, everything else as in the preset."""


def _rows(name: str, model: str, extra: Mapping[str, Mapping[str, Any]] | None = None) -> tuple[Row, ...]:
    """A model by the preset's recipe, then with each choice made otherwise, and compared with it."""
    choices = {**CHOICES, **(extra or {})}
    return (
        Row(name, model),
        *(Row(f"{name}, {choice}", model, recipe=own, against=name) for choice, own in choices.items()),
    )


SUITE = Suite(
    title="What each choice of the training recipe is worth",
    reference="Base-B",
    rows=(
        *_rows("Base-B", "baseline"),
        *_rows("BiCnet-TKS", "bicnet_tks", {"all parts at one rate": {"rates": {}}}),
        Row("BiCnet-TKS, TKS starts at 0", "bicnet_tks", {"tks_scale": 0.0}, against="BiCnet-TKS"),
    ),
    columns=(
        Column("accuracy.mAP"),
        Column("accuracy.top1"),
        Column("accuracy.mAP_emblem"),
        Column("accuracy.mAP_tempo"),
    ),
    figures=("differences",),
    notes=(
        "The first row of each network is trained by the recipe of the preset, every other with one choice made "
        "otherwise. Nothing was chosen anew for it: what is worse in so short a run, at this learning rate, may be as "
        "good or better in a longer one.",
        "Frames are consecutive by the presets with short runs. From all over the tracklet, one is drawn "
        "of each of as many equal parts as a clip has frames (restricted random sampling). The test takes all frames, "
        "in consecutive ones, as for the other rows: it is not the one that such a training is made for.",
        "The last two rows tell what the favour for TKS is worth that the presets with synthetic data have: TKS learns "
        "at four times the rate of the rest and CSP at a tenth, and TKS starts at scale 1.",
        "The choices are those of the preset quick. Where another preset makes one of them anyway, that row is the "
        "first one of its network over again, and is compared with nothing.",
    ),
)
