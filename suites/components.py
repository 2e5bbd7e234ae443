"""Every combination of CSP, DAO and TKS on the two-branch network (beyond the paper): each one's gain and cost.

python bench.py components              # quick preset, 2 CPU cores: about 5 minutes
python bench.py components --seeds 3    # with the spread of training: about 12 minutes
"""

from itertools import product

from reidbench.spec import Column, Row, Suite

from .columns import ACCURACY, GPU


def _row(csp: bool, dao: bool, tks: bool) -> Row:
    parts = [name for name, on in (("CSP", csp), ("DAO", dao), ("TKS", tks)) if on]
    options = {"csp": csp, "attention": "dao" if dao else "none", "temporal": "tks" if tks else "none"}
    return Row("+".join(["TB", *parts]), "bicnet", options)


SUITE = Suite(
    title="Every combination of CSP, DAO and TKS",
    reference="Base-B (256x128)",
    focus="TB+CSP+DAO+TKS",
    rows=(
        Row("Base-B (256x128)", "baseline"),
        *(_row(csp, dao, tks) for tks, dao, csp in product((False, True), repeat=3)),
    ),
    columns=(
        *ACCURACY,
        Column("accuracy.mAP_emblem"),
        Column("accuracy.mAP_tempo"),
        Column("accuracy.mAP_occluded"),
        Column("complexity.macs"),
        Column("complexity.gflops"),
        Column("complexity.params"),
        Column("latency.latency"),
        Column("latency.ratio"),
        Column("latency.ratio", settings=GPU),
    ),
    figures=("components", "factors"),
    notes=("Base-B is the reference of the latency ratios; the combinations stand on the two-branch network, TB.",),
)
