"""The options of the command that writes a network for others to run."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable


def add_export(add: Callable[..., ArgumentParser], given_weights: ArgumentParser) -> None:
    """Adds the command; `given_weights` are the options of a model with its weights."""
    about = "write a network as ONNX, OpenVINO, TorchScript or pt2, for others to run, and check it"
    sub = add("export", "export_commands.export", about, given_weights)
    sub.add_argument(
        "--out", default="", metavar="FILE", help="the file to write (default: MODEL and the format's ending)"
    )
    about = "onnx, openvino, torchscript or pt2 (default: by the ending of --out)"
    sub.add_argument("--format", default="", metavar="FORMAT", help=about)
    about = "fp32, or for openvino int8, calibrated on training clips of the dataset (default: fp32)"
    sub.add_argument("--precision", default="fp32", help=about)
    about = "clips that the file takes at a time, or any (default: 1)"
    sub.add_argument("--batch", default="1", metavar="N", help=about)
