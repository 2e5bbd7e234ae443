"""The options of the commands that look into one model: `profile` and `trace`."""

from __future__ import annotations

from reidbench.commands.parser import Add, device, model, start, training
from reidbench.spec import CLIP_FRAMES

WITH_TRAIN = "with --train"


def add_profiling(add: Add) -> None:
    """Adds the commands."""
    sub = add(
        "profile", "profiling.profile", "all costs of one model, or with --layers of its modules", model(), device()
    )
    sub.add_argument("--fresh", action="store_true", help="measure again what is already recorded")
    about = "the frames of a clip (default: 8)"
    sub.add_argument("--frames", type=int, default=CLIP_FRAMES, metavar="N", help=about)
    about = "of each module: operations, parameters, time, bytes, share of the roofline; recorded nowhere"
    sub.add_argument("--layers", action="store_true", help=about)
    sub.add_argument("--depth", type=int, metavar="N", help="with --layers: names down to which to print (default: 2)")
    about = "with --layers: draw the roofline and the memory over time, as .png or .svg"
    sub.add_argument("--out", default="", metavar="FILE", help=about)
    sub.add_argument(
        "--precision", default="", help="with --layers: fp32, ieee32 (no TF32), bf16 or fp16 (default: fp32)"
    )
    about = "write a trace for TensorBoard and Perfetto; the operators that take longest"
    sub = add("trace", "profiling.trace", about, model(), training(WITH_TRAIN), start(WITH_TRAIN))
    about = "the folder for traces; each run gets a folder there"
    sub.add_argument("--out", required=True, metavar="DIR", help=about)
    about = "trace training steps, by the preset's recipe, and time their stages; else one clip at the paper's scale"
    sub.add_argument("--train", action="store_true", help=about)
    about = "fp32, ieee32 (no TF32; not with --train), bf16 or fp16 (default: fp32, with --train the preset's)"
    sub.add_argument("--precision", default="", help=about)
