"""Figure 3: the attention of DAO frame by frame, with and without the divergence loss, and how diverse it is.

python bench.py figure3                 # quick preset, 2 CPU cores: about 2 minutes; maps of 2 rows
python bench.py figure3 --preset fine   # frames of 128x64, maps of 4 rows: about 8 minutes
python bench.py figure3 --preset paper --dataset mars --root DIR --device cuda
"""

from reidbench.spec import Column, Row, Suite

SUITE = Suite(
    title="Attention of DAO with and without the divergence loss",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Figure 3 and Eq. 5, which print no numbers",
    reference="TB+CSP+AO (no L)",
    focus="TB+CSP+DAO (BiCnet)",
    rows=(
        Row("TB+CSP+AO (no L)", "bicnet", {"attention": "ao"}),
        Row("TB+CSP+DAO (BiCnet)", "bicnet"),
    ),
    columns=(
        Column("attention.overlap"),
        Column("attention.evenness"),
        Column("attention.constancy"),
        Column("accuracy.mAP"),
    ),
    figures=("attention",),
    notes=(
        "As released, a map is over the rows of the half-size frames' features after stage 3: 8 at 256x128 pixels, 4 "
        "at 128x64, 2 at 64x32. The overlap is that of the small frames that go with one big frame, which is what the "
        "divergence loss lowers.",
    ),
)
