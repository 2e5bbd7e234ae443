"""What a deployment pays for a whole tracklet: decoding, clips, network, pooling and search, which no paper prints.

python bench.py end_to_end              # 2 CPU cores: about 5 minutes; OpenVINO and a GPU where they are there
"""

from reidbench.spec import Column, Suite

from .columns import DEPLOYED, GPU

OPENVINO = (
    {"backend": "openvino"},
    {"backend": "openvino", "precision": "bf16"},
    {"backend": "openvino", "precision": "int8"},
)

PARTS = ("total", "ratio", "outside", "decode", "clips", "network", "pooling", "search")

SUITE = Suite(
    title="A whole tracklet, from its JPEGs to the nearest entries of a gallery",
    reference="Base-B (256x128)",
    focus="BiCnet-TKS",
    rows=DEPLOYED,
    columns=(
        *(Column(f"end_to_end.{part}") for part in PARTS),
        *(Column(f"end_to_end.{part}", settings=settings) for settings in (*OPENVINO, GPU) for part in PARTS),
        Column("complexity.macs"),
        Column("complexity.dimension"),
    ),
    figures=("end_to_end",),
    notes=(
        "One tracklet of 60 frames, about the mean of MARS, in 8-frame clips, the last filled up from the tracklet's "
        "start; a gallery of 11,310 entries, that of MARS with distractors. The frames are the synthetic dataset's, "
        "rendered at 256x128 and saved as JPEG: their content is not real, and JPEGs of other sizes decode in other "
        "times.",
        "Every frame is decoded whole, for Base-S too, whose network halves it. Nothing overlaps: a deployment that "
        "decodes the next tracklet while the network runs pays the larger of the two, not the sum.",
        "All clips of the tracklet go through the network at once.",
        "An int8 network is calibrated with random clips, for weights are random too where times are taken.",
    ),
)
