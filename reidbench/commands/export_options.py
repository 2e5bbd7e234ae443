"""The options of the command that writes a network for others to run."""

from __future__ import annotations

from reidbench.commands.parser import Add, given_weights


def add_export(add: Add) -> None:
    """Adds the command."""
    about = "write a network as ONNX, OpenVINO, TorchScript or pt2, for others to run, and check it"
    sub = add("export", "export.export", about, given_weights("; or random, for a network to be timed"))
    sub.add_argument(
        "--out", default="", metavar="FILE", help="the file to write (default: MODEL and the format's ending)"
    )
    about = "onnx, openvino, torchscript or pt2 (default: by the ending of --out)"
    sub.add_argument("--format", default="", metavar="FORMAT", help=about)
    about = "fp32, or for openvino int8, calibrated on training clips of the dataset (default: fp32)"
    sub.add_argument("--precision", default="fp32", help=about)
    about = "clips that the file takes at a time, or any (default: 1)"
    sub.add_argument("--batch", default="1", metavar="N", help=about)
