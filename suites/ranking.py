"""Ranked results: the first ten that Base-B and BiCnet-TKS answer to the same queries.

python bench.py ranking                 # quick preset, 2 CPU cores: about 2 minutes
python bench.py ranking --preset paper --dataset mars --root DIR --device cuda
"""

from reidbench.spec import Column, Row, Suite

SUITE = Suite(
    title="Ranked results",
    reference="Base-B (256x128)",
    focus="BiCnet-TKS",
    rows=(
        Row("Base-B (256x128)", "baseline"),
        Row("BiCnet-TKS", "bicnet_tks"),
    ),
    columns=(
        Column("ranking.found"),
        Column("ranking.lookalikes"),
        Column("ranking.others"),
        Column("accuracy.mAP"),
        Column("accuracy.top1"),
    ),
    figures=("ranking",),
    notes=(
        "The queries shown are evenly spaced in the dataset's list, whatever a model answers to them. Left out of a "
        "ranking are junk and the entries of the query's own identity that are no match, as in the score: those of its "
        "own camera, and under a protocol that goes by clothes those in clothes that it does not want.",
    ),
)
