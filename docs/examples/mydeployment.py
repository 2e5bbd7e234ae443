"""What runs my network fastest, on all cores and on one: every backend that is installed, beside Base-B.

python bench.py mydeployment --plugin docs/examples/mynet.py --plugin docs/examples/mydeployment.py
"""

from reidbench.spec import Column, Row, Suite

BACKENDS = (
    {"backend": "eager"},
    {"backend": "compile"},
    {"backend": "onnxruntime"},
    {"backend": "openvino"},
    {"backend": "openvino", "precision": "int8"},
)
ONE_CORE = {"threads": 1}  # as where several cameras share a processor

SUITE = Suite(
    title="What runs my network",
    reference="Base-B",
    rows=(Row("Base-B", "baseline"), Row("mynet", "mynet")),
    columns=(
        *(Column("latency.latency", settings=backend) for backend in BACKENDS),
        *(Column("latency.latency", settings={**backend, **ONE_CORE}) for backend in BACKENDS),
        *(Column("memory.added", settings=backend) for backend in BACKENDS),
        *(Column("disk.size", settings=backend) for backend in BACKENDS),
        Column("complexity.macs"),
    ),
    figures=(),
)
