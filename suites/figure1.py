"""Figure 1: where in the frames of a pair the similarity lies, for Base-B and for BiCnet.

python bench.py figure1                 # quick preset, 2 CPU cores: about 2 minutes
python bench.py figure1 --preset fine   # frames of 128x64, whose maps have four times the positions: about 8 minutes
python bench.py figure1 --preset paper --dataset mars --root DIR --device cuda
"""

from reidbench.spec import Column, Row, Suite

SUITE = Suite(
    title="Where the similarity of a pair lies",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Figure 1, which prints no numbers",
    reference="Base-B (256x128)",
    focus="TB+CSP+DAO (BiCnet)",
    rows=(
        Row("Base-B (256x128)", "baseline"),
        Row("TB+CSP+DAO (BiCnet)", "bicnet"),
    ),
    columns=(
        Column("activation.overlap"),
        Column("activation.coverage"),
        Column("activation.person"),
        Column("activation.area"),
        Column("activation.emblem"),
        Column("activation.empty"),
        Column("accuracy.mAP"),
    ),
    figures=("activation",),
    notes=(
        "Test identities are no classes of the training, so the maps are of pairs: the channels of stage 4 are "
        "weighted by the gradient of the cosine similarity of a query's and its match's clip, as a class-activation "
        "map weights them by a class. A map says where in its frame the similarity lies, not how much the frame "
        "counts. Negative values are 0; where a frame has no positive one, its map is black.",
        "A map of fewer positions cannot be as sharp, and a half-size frame's has a quarter as many: its part on the "
        "person lies nearer to the even map's, and half its maximum covers more. Overlap and cover are compared in "
        "cells of 32 pixels for that reason, at 64x32 two of them a frame.",
    ),
)
