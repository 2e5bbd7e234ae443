"""The options of the commands on given weights and features."""

from __future__ import annotations

from reidbench.commands.parser import Add, given_weights, protocol


def add_scoring(add: Add) -> None:
    """Adds the commands."""
    about = "accuracy of one model with given weights, recorded under the weights' SHA-256"
    sub = add("evaluate", "scoring.evaluate", about, given_weights(), protocol())
    sub.add_argument("--fresh", action="store_true", help="measure again what is already recorded")
    about = "how far the protocol alone moves the accuracy of one model with given weights"
    add("protocols", "scoring.protocols", about, given_weights())
    about = "write the features of one model with given weights, for others to score"
    sub = add("embed", "scoring.embed", about, given_weights(), protocol())
    about = "FILE.npz, which score reads, or FILE.parquet for other programs, where pyarrow is installed"
    sub.add_argument("--out", required=True, metavar="FILE", help=about)
    about = "score the features of a file under one protocol or more; of several files the difference to the first"
    sub = add("score", "scoring.score", about, records=False)
    about = (
        "features as .npz: those that embed wrote, or one's own; more of the same queries are compared with the first"
    )
    sub.add_argument("features", nargs="+", metavar="FILE", help=about)
    about = "protocols by name, after FILE (default: all that these features can be scored under)"
    sub.add_argument("--protocol", nargs="+", default=[], metavar="NAME", help=about)
    about = "write weights of any known kind as .pt or .safetensors of this project"
    sub = add("convert", "scoring.convert", about, records=False)
    about = "ours, the authors' .pth.tar, or a trunk as torchvision or CLIP names it"
    sub.add_argument("source", metavar="FROM", help=about)
    sub.add_argument("target", metavar="TO", help="a name that ends with .pt or .safetensors")
