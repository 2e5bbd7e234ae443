"""The whole field: all methods of Table 1 and later ones with their variants, accuracy beside every kind of cost.

python bench.py rivals                  # quick preset, 2 CPU cores: about an hour, 15 minutes of it IAUnet
python bench.py rivals --only cost      # no training: about 5 minutes
python bench.py rivals --preset paper --dataset mars --root DIR --device cuda
"""

from dataclasses import replace
from typing import Any

from reidbench.spec import Column, Published, Row, Suite

from .columns import GPU
from .table1 import DATASETS
from .table1 import SUITE as TABLE1
from .table2 import ROWS as TABLE2_ROWS

SAID = ("mAP", "top1")
"""What is shown of published values: the published costs of Table 2 stand there."""

OF_TABLE2 = {row.name: row for row in TABLE2_ROWS}


def _of_table2(name: str) -> Row:
    """A row of Table 2 with its published accuracy alone."""
    row = OF_TABLE2[name]
    (printed,) = row.published
    return replace(row, published=(replace(printed, values={key: printed.values[key] for key in SAID}),))


def _row(
    name: str,
    model: str,
    source: str = "",
    *,
    frames: int = 8,
    options: dict[str, Any] | None = None,
    approximate: bool = False,
    **accuracy: tuple[str, str],
) -> Row:
    """`accuracy` holds (mAP, top-1) by dataset, as printed in `source`."""
    published = tuple(
        Published(dict(zip(SAID, values, strict=True)), dataset, source) for dataset, values in accuracy.items()
    )
    return Row(name, model, options or {}, published, frames, approximate)


STRIDED = {"I3D": "i3d_strided", "P3D": "p3d_strided"}
"""Rows of Table 1 whose values on LS-VID are those of networks that halve the frames."""


def _without_strided(row: Row) -> Row:
    """A row of Table 1 without the values that are of another network."""
    return replace(row, published=tuple(p for p in row.published if row.name not in STRIDED or p.dataset != "lsvid"))


def _strided(row: Row) -> Row:
    """The network that halves the frames, with the values that are its own."""
    own = tuple(printed for printed in row.published if printed.dataset == "lsvid")
    return Row(f"{row.name}, frames halved", STRIDED[row.name], published=own)


ON_MEVID = {
    "AP3D": ("15.9", "39.6"),
    "TCLNet": ("23.0", "48.1"),
    "STMN": ("11.3", "31.0"),
    "PSTA": ("21.2", "46.2"),
    "BiCnet-TKS": ("6.3", "19.0"),
}
"""(mAP, top-1) by row, as the authors of MEVID print them (github.com/Kitware/MEVID)."""
MEVID = "the authors of MEVID"


def _on_mevid(row: Row) -> Row:
    """A row with what was published for it on MEVID, if anything was."""
    if row.name not in ON_MEVID:
        return row
    printed = Published(dict(zip(SAID, ON_MEVID[row.name], strict=True)), "mevid", MEVID)
    return replace(row, published=(*row.published, printed))


OURS = {"Base-B (256x128)", "BiCnet-TKS"}
"""Rows of Table 1 that stand elsewhere."""
LEADERBOARD = "its paper, by a public list"
README = "its authors' README"

ROWS = (
    *map(_of_table2, ("Base-S (128x64)", "Base-B (256x128)")),
    *(_without_strided(row) for row in TABLE1.rows if row.name not in OURS),
    _row("M3D, temporal stream", "m3d"),
    _row("Base on Inception-v3", "inception_baseline"),
    _row("STMP on ResNet-50", "stmp_resnet", approximate=True),
    *(_strided(row) for row in TABLE1.rows if row.name in STRIDED),
    _row("P3D-A", "p3d", options={"convolution": "p3d_a"}),
    _row("P3D-B", "p3d", options={"convolution": "p3d_b"}),
    _row("Non-local", "non_local"),
    _row("AP3D+NL", "ap3d_nl", LEADERBOARD, mars=("85.6", "90.7"), duke=("96.1", "97.2")),
    _row("SANet", "sanet", LEADERBOARD, mars=("86.0", "91.2"), duke=("96.7", "97.7")),
    _row("STMN", "stmn", LEADERBOARD, frames=6, mars=("84.5", "90.5"), duke=("95.9", "97.0"), lsvid=("69.2", "82.1")),
    _row("PSTA", "psta", LEADERBOARD, mars=("85.8", "91.5"), duke=("97.4", "98.3")),
    _row("SBNet", "sbnet", README, mars=("85.7", "90.2"), lsvid=("77.1", "85.1")),
    _row("IDNet", "idnet", README, mars=("85.9", "90.5"), lsvid=("78.0", "86.2")),
    _row("SINet", "sinet", README, mars=("86.2", "91.0"), lsvid=("79.6", "87.4")),
    _row("STAFormer", "staformer", README, approximate=True, mars=("89.1", "91.5"), lsvid=("85.6", "90.9")),
    _row("CLIP ViT-B/16", "vit_baseline"),
    _row("TF-CLIP", "tf_clip", README, approximate=True, mars=("89.4", "93.0"), lsvid=("83.8", "90.4")),
    _row("VSLA-CLIP", "vsla_clip", approximate=True),
    *map(_of_table2, ("Two-branch (TB)", "TB+CSP+DAO (BiCnet)", "BiCnet-TK (fix-fusion)")),
    *(row for row in TABLE1.rows if row.name == "BiCnet-TKS"),
)

SUITE = Suite(
    title="Rivals of BiCnet-TKS and later methods, with what they cost",
    source="Hou et al., BiCnet-TKS, CVPR 2021, Tables 1 and 2; later methods: their authors",
    reference="Base-B (256x128)",
    focus="BiCnet-TKS",
    rows=tuple(map(_on_mevid, ROWS)),
    columns=(
        *(Column(f"accuracy.{field}", field, dataset=dataset) for dataset in (*DATASETS, "mevid") for field in SAID),
        Column("accuracy.mAP"),
        Column("accuracy.top1"),
        Column("complexity.params"),
        Column("complexity.macs"),
        Column("complexity.gflops"),
        Column("complexity.dimension"),
        Column("latency.per_frame"),
        Column("latency.ratio"),
        Column("memory.peak"),
        Column("latency.per_frame", settings=GPU),
        Column("latency.ratio", settings=GPU),
        Column("memory.peak", settings=GPU),
    ),
    figures=("field", "differences", "latency"),
    notes=(
        "Published values are those of the paper of BiCnet-TKS: of Base-S, Base-B, the two-branch network, BiCnet "
        "and BiCnet-TK of its Table 2, else of its Table 1. But those of SBNet, IDNet and SINet are what their "
        "authors list as their paper's (github.com/baist/SINet), those of STAFormer what its authors list "
        "(github.com/HWZhou99/STAFormer), those of TF-CLIP are a table that its authors show "
        "(github.com/AsuradaYuci/TF-CLIP), and those of AP3D+NL, SANet, STMN and PSTA are of a "
        "public list of papers (github.com/AsuradaYuci/awesome_video_person_reid); PSTA's authors give 97.7 for its "
        "mAP on DukeMTMC-VideoReID. M3D's temporal stream, Base on Inception-v3, STMP on ResNet-50, P3D-A, P3D-B, the "
        "non-local network and the plain CLIP ViT-B/16 have none here, nor has VSLA-CLIP, whose authors' README has no "
        "numbers.",
        "Those on MEVID, where persons change clothes and places, are what the authors of that dataset print "
        "(github.com/Kitware/MEVID), who trained nine methods by their own code, five of which stand here; BiCnet-TKS "
        "comes last of the nine. None of that was measured again, which takes the dataset (--dataset mevid).",
        *TABLE1.notes[1:],
        "I3D and P3D with frames halved are those of M3D's authors: all their blocks convolve in time, and three "
        "stages halve the frames. The published values of I3D and P3D on LS-VID are, as far as we know, theirs, and "
        "stand with them here. This P3D starts otherwise than released, as M3D does: there its kernels over time stay "
        "at zero (zero_start=True).",
        "STMP's trunk is not the ResNet of most rows. What of its cost and accuracy is the trunk's is told by two "
        "rows: Base on Inception-v3, that trunk alone, averaged over positions and frames; and STMP on ResNet-50, "
        "approximate, its modules on the trunk of the others.",
        "STAFormer is approximate: its transformers are the authors', its trunk is a ResNet instead of a ResNeSt-50. "
        "At 64x32 it has one local token of a frame instead of eight.",
        "CLIP ViT-B/16, TF-CLIP and VSLA-CLIP stand on CLIP's vision transformer, which its authors taught on 400 "
        "million images with texts; the slim one of the presets on synthetic data saw what the slim ResNet saw. CLIP's "
        "weights are given with "
        "--weights, and these rows chosen with --rows. TF-CLIP is approximate: its network is the authors' without the "
        "embedding of cameras, and trained without its memory of identities. VSLA-CLIP is approximate: its network is "
        "the authors', trained without texts; only its adapters and heads learn.",
        "Under the presets with slim trunks those of STMP, Base on Inception-v3, CLIP ViT-B/16 and TF-CLIP learn "
        "at a tenth of the rate of the rest, chosen on validation identities in runs of the preset tiny: at the whole "
        "rate STMP and the two transformers forgot what they were taught. Base on Inception-v3 was as good with either "
        "there; in a run of the preset quick the whole rate was the better for it.",
        "Operations and times are those of a frame, for clips differ in length: GLTP's have 16 frames, DRSA's and "
        "STMN's 6, all others 8; memory is that of a clip. SINet, SBNet, IDNet and SANet are published with 4, too; of "
        "all that are, a frame costs less there by IAUnet, the non-local network and AP3D+NL (bench.py profile NAME "
        "--frames 4). STMN's published accuracy is of clips averaged with their mirror images, at twice the cost "
        "shown. What is compared at test time are as many numbers as the column Feature says, of 4 bytes each.",
    ),
)
