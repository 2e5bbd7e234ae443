"""By what recipe the authors of each method trained it on MARS, as their public code has it by default. Data only.

What is the same as in `Recipe()`, that of BiCnet-TKS, is left out. docs/models.md says what of these recipes the
trainer does not follow, and which are inferred. Methods without public training code have none here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _own(**settings: Any) -> dict[str, Any]:
    """A recipe that keeps its loss and its rates where that of BiCnet-TKS has others: on LS-VID, on other trunks."""
    return {"metric_loss": "triplet", "rates": {}, **settings}


AP3D = _own(frames=4, stride=8, identities=8, epochs=240, lr=3e-4, milestones=(60, 120, 180), margin=0.3, erase=0.0)
"""guxinqian/AP3D, train.py. That what AP3D is compared with was trained by the same is inferred."""

SINET = _own(frames=4, sampling="restricted", identities=8, epochs=160, lr=3e-4, margin=0.3)
"""baist/SINet, main.py."""

COSAM = _own(
    frames=4,
    stride=1,
    identities=8,
    epoch_of="identities",
    epochs=800,
    lr=3e-4,
    milestones=(200, 400, 600),
    smoothing=0.1,
    metric_distance="euclidean",
    margin=0.3,
    erase=0.0,
)
"""InnovArul/vidreid_cosegmentation, main_video_person_reid.py."""

M3D = _own(
    stride=1,
    identities=20,
    clips_per_identity=1,
    epochs=500,
    optimiser="sgd",
    lr=0.01,
    milestones=(200, 400),
    rates={"embed.": 10.0, "norm.": 10.0, "classifier.": 10.0},
    metric_weight=0.0,
    flip=0.0,
    erase=0.0,
)
"""ljn114514/M3D, ResNet50-M3D/train.py: tracklets are shuffled, whoever they are of."""

STRIDED = {**M3D, "identities": 12, "rates": {}}
"""ljn114514/M3D, ResNet50-P3D/train.py, for MARS."""

STMP = _own(
    stride=1,
    identities=10,
    clips_per_identity=2,
    epochs=900,
    optimiser="sgd",
    lr=0.01,
    milestones=(),
    rates={"trunk.": 0.1},
    metric_distance="euclidean",
    margin=0.4,
    flip=0.0,
    erase=0.0,
)
"""yolomax/person-reid-lib, tasks/task_video, committed for iLIDS-VID."""

VSLA_CLIP = _own(
    sampling="restricted",
    identities=8,
    epochs=120,
    lr=1e-4,
    weight_decay=1e-3,
    milestones=(59, 89),
    warmup_epochs=10,
    smoothing=0.1,
    metric_weight=4.0,
    margin=0.3,
    precision="fp16",
)
"""FHR-L/VSLA-CLIP, configs/adapter/vit_adapter.yml. Theirs weighs the cross entropy by 0.25 and the triplet by 1, with
a decay of 2.5e-4: to Adam the same."""

AUTHORS: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(("ap3d", "ap3d_nl", "p3d", "i3d", "non_local"), AP3D),
    # blue-blue272/VideoReID-TCLNet, train.py
    "tclnet": _own(frames=4, stride=8, identities=8, lr=3e-4, margin=0.4, erase=0.0),
    **dict.fromkeys(("sinet", "sbnet", "idnet", "sanet"), SINET),
    # HWZhou99/STAFormer, main.py
    "staformer": _own(
        sampling="restricted",
        identities=8,
        epochs=200,
        lr=3e-4,
        milestones=(40, 80, 120, 160),
        smoothing=0.1,
        margin=0.3,
    ),
    # WangYQ9/VideoReID_PSTA, configs/softmax_triplet.yml. Its losses are the means over three heads, not the sums: to
    # Adam the same as three times the decay.
    "psta": _own(
        stride=8,
        identities=8,
        epoch_of="identities",
        epochs=500,
        weight_decay=1.5e-3,
        milestones=(70, 140, 210, 310, 410),
        gamma=0.3,
        warmup_epochs=10,
        smoothing=0.1,
        margin=0.3,
    ),
    "cosam": COSAM,
    # daodaofr/hypergraph_reid, run_hypergraphsage_part.sh
    "mgh": {**COSAM, "frames": 8, "warmup_epochs": 20, "erase": 0.5},
    # cvlab-yonsei/STMN, smem_tmem/train.sh
    "stmn": _own(
        frames=6,
        sampling="restricted",
        identities=8,
        epoch_of="identities",
        epochs=200,
        lr=1e-4,
        weight_decay=1e-5,
        milestones=(50, 100, 150),
        metric_loss="soft_triplet",
        metric_distance="euclidean",
    ),
    # ljn114514/GLTR, train.py
    "gltp": {**M3D, "frames": 16, "identities": 10, "epochs": 501, "milestones": (120, 240, 360, 480), "rates": {}},
    "m3d": M3D,
    **dict.fromkeys(("i3d_strided", "p3d_strided"), STRIDED),
    **dict.fromkeys(("stmp", "inception_baseline"), STMP),
    # AsuradaYuci/TF-CLIP, configs/vit_clipreid.yml. Theirs weighs cross entropy and triplet as VSLA-CLIP does, with a
    # decay of 1e-4.
    "tf_clip": {
        **VSLA_CLIP,
        "identities": 4,
        "epochs": 80,
        "lr": 5e-6,
        "weight_decay": 4e-4,
        "milestones": (30, 50, 70),
        "rates": {"classifier.2": 10.0},
        "metric_distance": "euclidean",
    },
    "vsla_clip": VSLA_CLIP,
    # FHR-L/VSLA-CLIP, configs/ft/vit_ft.yml, which trains it with texts.
    "vit_baseline": {**VSLA_CLIP, "lr": 5e-6},
}
"""What the recipe has otherwise for a model of the registry."""
