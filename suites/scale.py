"""Scoring at scale: time and memory of exact mAP, CMC and mINP over the gallery's size.

python bench.py scale                   # 2 CPU cores: about 4 minutes; up to 16 GB of disk in the cache folder
python bench.py scale --rows 1          # a third of it
"""

from reidbench.spec import Column, Row, Suite

SIZES = {"10k": 10_000, "30k": 30_000, "100k": 100_000, "300k": 300_000, "1M": 1_000_000}


QUANTITIES = {"query": "Time", "over_product": "Over product", "added": "Memory"}
"""What is measured at each size, by how its columns are called."""


def _columns(quantity: str, called: str) -> tuple[Column, ...]:
    return tuple(
        Column(
            f"scoring.{quantity}", title=f"{called}, {size}", settings={"gallery": entries}, level=("gallery", entries)
        )
        for size, entries in SIZES.items()
    )


SUITE = Suite(
    title="Scoring over the size of the gallery",
    reference="BiCnet-TKS",
    rows=(Row("BiCnet-TKS", "bicnet_tks"), Row("TCLNet", "tclnet")),
    columns=(
        *(column for named in QUANTITIES.items() for column in _columns(*named)),
        Column("complexity.dimension"),
    ),
    figures=("scale",),
    notes=(
        "Columns are named after the entries of the gallery. Time is that of a query, over product that time over the "
        "one of the matrix product alone, and memory what is added.",
        "256 queries against random directions as long as the model's feature, so that scores mean nothing and times "
        "do. The gallery is a memory-mapped file. It begins as that of MARS without its distractors (8,062 tracklets "
        "of 625 persons); all beyond is distractors. Where it is scored in parts, those that hold matches are "
        "multiplied twice: if matches were strewn over all of it, the product would be made twice.",
        "Memory is what the process adds to its own while it scores, without the pages of the file.",
    ),
)
