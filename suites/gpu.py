"""GPU costs: every row of Tables 2 to 6 by eager torch and as a CUDA graph, in fp32 and bf16, in one session each.

python bench.py gpu --rows 1-8          # needs a CUDA GPU: the rows of Table 2 first, in a third of the time
python bench.py gpu                     # all rows; the tables then take their GPU columns from these records
"""

from dataclasses import replace

from reidbench.spec import Column, Suite

from . import table2, table3, table4, table5, table6
from .columns import EARLY, GPU, GPU_BF16, GPU_GRAPH, GPU_GRAPH_BF16, ON_GPU

TWICE = (
    *("256x128", "128x64", "alpha 0 (Base-B)", "alpha 3", "alpha inf (Base-S)"),
    *("kernels 3, 5", "stage 2"),
)
"""Rows of Tables 3 to 6 that are rows of Table 2 under other names."""

SUITE = Suite(
    title="Costs on a GPU",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Tables 2 to 6",
    reference="Base-B (256x128)",
    focus="BiCnet-TKS",
    rows=tuple(
        {
            row.name: replace(row, published=())
            for table in (table2, table3, table4, table5, table6)
            for row in table.SUITE.rows
            if row.name not in TWICE
        }.values()
    ),
    columns=(
        *(
            Column(quantity, settings=settings)
            for quantities in (("latency.latency", "latency.ratio"), ("throughput.throughput", "throughput.batch"))
            for settings in (GPU, GPU_GRAPH, GPU_GRAPH_BF16, GPU_BF16)
            for quantity in quantities
        ),
        Column("memory.peak", settings=GPU),
    ),
    figures=("batches",),
    notes=(ON_GPU, EARLY, "Clips have 8 frames, those of alpha 2 and of three branches 9, those of alpha 4 ten."),
)
"""Its columns stand in the order in which they are measured: a run that is ended early lacks the last of them."""
