"""All tables and figures of the paper and what goes beyond it, run as one: shared rows are measured once.

python bench.py paper                   # quick preset, 2 CPU cores: about an hour and a half, a third of it `stress`
python bench.py paper --only cost       # no training: about 10 minutes
python bench.py paper --preset full --device cuda
"""

from reidbench.spec import Collection

SUITE = Collection(
    title="BiCnet-TKS: every table and figure of the paper, regenerated",
    suites=(
        *("table1", "table2", "table3", "table4", "table5", "table6"),
        *("overhead", "complexity", "components", "stress"),
        *("figure1", "figure3", "kernels", "ranking"),
        "rivals",
    ),
)
