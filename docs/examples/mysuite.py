"""My network beside Base-B: what weighing the frames buys, and what it costs.

python bench.py mysuite --plugin docs/examples/mynet.py --plugin docs/examples/mysuite.py --only cost
"""

from reidbench.spec import Column, Published, Row, Suite

SUITE = Suite(
    title="My network beside Base-B",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Table 2",
    reference="Base-B",  # the row that ratios and differences are taken to
    rows=(
        # Name, model, options that differ from the model's defaults, and what was published, as printed.
        Row("Base-B", "baseline", published=(Published({"gflops": "4.08", "mAP": "85.2"}, dataset="mars"),)),
        Row("Base-B, last stride 2", "baseline", {"last_stride": 2}),
        Row("mynet", "mynet"),
    ),
    columns=(
        Column("accuracy.mAP", "mAP"),  # measurement.quantity, and the key of the published value beside it
        Column("accuracy.top1"),
        Column("complexity.gflops", "gflops"),
        Column("complexity.params"),
        Column("latency.latency"),
        Column("latency.ratio"),
        Column("latency.ratio", settings={"device": "cuda", "precision": "fp32"}),  # where there is a CUDA GPU
    ),
    figures=("accuracy", "latency"),
    notes=("Printed in every report, after its summary.",),
)
