"""Every command with its options, for the parser; what each does stands in its own module. Imports no torch."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from reidbench import registry
from reidbench.commands.help_page import COMMANDS
from reidbench.commands.parser import (
    Add,
    Parser,
    add_data_options,
    add_only,
    add_rows,
    common,
    device,
    given_weights,
    model,
    protocol,
    selection,
    start,
    training,
)
from reidbench.data.synthetic_options import ABOUT
from reidbench.spec import CLIP_FRAMES, UserError


def add_suites(add: Add) -> None:
    """Adds the commands. Raises UserError for a suite with the name of a command."""
    for suite in registry.suite_paths():
        if suite in COMMANDS:
            raise UserError(f"{registry.suite_paths()[suite]}: a suite cannot be named {suite!r}, which is a command")
        about = registry.suite_about(suite)
        sub = add(suite, "suites.run_suite", about, training(), start(), selection())
        sub.add_argument("--fresh", action="store_true", help="measure again what is recorded, training again")
        about = "with --device cuda: so many GPUs alike, each with a training of its own at a time (default: 1)"
        sub.add_argument("--gpus", type=int, default=1, metavar="N", help=about)
    sub = add("audit", "suites.audit", "which counting rule each printed cost of Tables 2 to 6 follows")
    sub.add_argument("--fresh", action="store_true", help="count again what is already recorded")
    about = "show models, datasets, suites, measurements, presets, protocols, backends; with NAME what it has"
    sub = add("list", "listing.list_everything", about, records=False)
    about = "a model, dataset, suite, measurement or preset, to see its options, rows, quantities or settings"
    sub.add_argument("names", nargs="*", metavar="NAME", help=about)
    about = "write tables, figures and what they show from the records, of all or of the part that is chosen"
    sub = add("report", "suites.report", about, training(), start(), selection())
    about = "suites by name, or audit (default: all that are mostly measured); several make one report of their names"
    sub.add_argument("suites", nargs="*", metavar="SUITE", help=about)
    _add_report(sub, "the machine's folder")
    about = "the time of one row over that of the reference row, on every machine that is recorded"
    sub = add("machines", "machines.machines", about)
    about = "the suite whose row in focus and reference row are compared (default: table2)"
    sub.add_argument("suite", nargs="?", default="table2", metavar="SUITE", help=about)
    about = "a row of it, by name (default: the one in its focus)"
    sub.add_argument("--row", default="", metavar="ROW", help=about)
    _add_report(sub, "the results folder")


def _add_report(sub: ArgumentParser, default: str) -> None:
    about = "md, html, latex, pdf, or several of them (default: md)"
    sub.add_argument("--format", nargs="+", default=["md"], metavar="FORMAT", help=about)
    sub.add_argument("--out", default="", metavar="DIR", help=f"where to write (default: {default})")


def add_gate(add: Add) -> None:
    """Adds the commands."""
    about = "compare this machine's records with a baseline: exit code 1 where something is worse"
    sub = add("check", "gate.check", about, training(), start(), selection())
    sub.add_argument("suite", metavar="SUITE", help="a suite; what its records lack is measured first")
    about = "the baseline: a results folder, or the folder of a machine in one"
    sub.add_argument("--against", required=True, metavar="DIR", help=about)
    sub.add_argument("--recorded", action="store_true", help="measure nothing; compare what is recorded")
    about = "interleaved sessions at most, for times that one cannot tell (default: 8)"
    sub.add_argument("--sessions", type=int, default=8, metavar="N", help=about)
    _add_limits(sub)
    _add_files(sub)
    about = "compare two results folders, or two git revisions measured in turns: exit code 1 where B is worse"
    sub = add("compare", "compare.compare", about, training(), start(), selection())
    sub.add_argument("a", metavar="A", help="the baseline: a results folder, a machine's folder, or a revision")
    sub.add_argument("b", metavar="B", help="what is compared with it, likewise")
    about = "the suite that is compared, and measured for revisions (default: table2)"
    sub.add_argument("--suite", default="table2", metavar="SUITE", help=about)
    about = "interleaved sessions of each revision (default: 3, A B B A A B)"
    sub.add_argument("--sessions", type=int, default=3, metavar="N", help=about)
    _add_limits(sub)
    _add_files(sub)
    about = "how often the gate is wrong on this machine: the same code measured again and again"
    sub = add("calibrate", "calibrate.calibrate", about)
    about = "the suite whose rows are timed (default: table2)"
    sub.add_argument("suite", nargs="?", default="table2", metavar="SUITE", help=about)
    add_only(sub)
    add_rows(sub)
    sub.add_argument("--device", default="cpu", help="where to time: cpu or cuda (default: cpu)")
    about = "interleaved sessions to have (default: 28, the machine being quiet)"
    sub.add_argument("--sessions", type=int, default=28, metavar="N", help=about)
    about = "training seeds of the sound model; faulty ones have half (default: 6)"
    sub.add_argument("--seeds", type=int, default=6, metavar="N", help=about)
    sub.add_argument("--preset", default="tiny", help="how the models are trained (default: tiny)")
    _add_limits(sub)
    sub = add("history", "history.history", "one row's value over the commits that recorded it, printed and drawn")
    sub.add_argument("row", metavar="ROW", help="a row by the name that its records have")
    sub.add_argument("quantity", metavar="QUANTITY", help="measurement.quantity, such as accuracy.mAP or latency.ratio")
    sub.add_argument("--all", action="store_true", help="also on data made with options, such as more occlusion")
    sub.add_argument("--out", default="", metavar="DIR", help="where to draw (default: the results folder)")


def _add_limits(sub: ArgumentParser) -> None:
    about = "the smallest change of a time that counts, in percent; of a memory twice that (default: 5)"
    sub.add_argument("--least", type=float, default=5.0, metavar="PERCENT", help=about)
    about = "the smallest difference of an accuracy that counts (default: 3)"
    sub.add_argument("--points", type=float, default=3.0, metavar="POINTS", help=about)


def _add_files(sub: ArgumentParser) -> None:
    about = "also write files: md, junit, json, or several of them"
    sub.add_argument("--format", nargs="+", default=[], metavar="FORMAT", help=about)
    sub.add_argument("--out", default="", metavar="DIR", help="where to write them (default: the machine's folder)")


WITH_TRAIN = "with --train"


def add_profiling(add: Add) -> None:
    """Adds the commands."""
    sub = add(
        "profile", "profiling.profile", "all costs of one model, or with --layers of its modules", model(), device()
    )
    sub.add_argument("--fresh", action="store_true", help="measure again what is already recorded")
    about = "the frames of a clip (default: 8)"
    sub.add_argument("--frames", type=int, default=CLIP_FRAMES, metavar="N", help=about)
    about = "measure these too, such as compile onnxruntime openvino; bench.py list names all (default: eager torch)"
    sub.add_argument("--backend", nargs="+", default=[], metavar="NAME", help=about)
    about = "of each module: operations, parameters, time, bytes, share of the roofline; recorded nowhere"
    sub.add_argument("--layers", action="store_true", help=about)
    sub.add_argument("--depth", type=int, metavar="N", help="with --layers: names down to which to print (default: 2)")
    about = "with --layers: draw the roofline and the memory over time, as .png or .svg"
    sub.add_argument("--out", default="", metavar="FILE", help=about)
    about = "with --layers or --backend: fp32, ieee32 (no TF32), bf16 or fp16; int8 by openvino (default: fp32)"
    sub.add_argument("--precision", default="", help=about)
    about = "write a trace for TensorBoard and Perfetto; the operators that take longest"
    sub = add("trace", "profiling.trace", about, model(), training(WITH_TRAIN), start(WITH_TRAIN))
    about = "the folder for traces; each run gets a folder there"
    sub.add_argument("--out", required=True, metavar="DIR", help=about)
    about = "trace training steps, by the preset's recipe, and time their stages; else one clip at the paper's scale"
    sub.add_argument("--train", action="store_true", help=about)
    about = "fp32, ieee32 (no TF32; not with --train), bf16 or fp16 (default: fp32, with --train the preset's)"
    sub.add_argument("--precision", default="", help=about)


def add_training(add: Add) -> None:
    """Adds the command."""
    sub = add("train", "training.train", "train one model and keep its weights", model(), training(), start())
    sub.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    sub.add_argument("--out", required=True, metavar="DIR", help="folder for checkpoints and model.pt")
    about = "try a few steps: check data and weights, tell memory and how long the whole run will take; keep nothing"
    sub.add_argument("--dry-run", action="store_true", help=about)
    about = "under torchrun: batch norm over the whole batch, not over each process's share"
    sub.add_argument("--sync-bn", action="store_true", help=about)


def add_scoring(add: Add) -> None:
    """Adds the commands."""
    about = "accuracy of one model with given weights, recorded under the weights' SHA-256"
    sub = add("evaluate", "scoring.evaluate", about, given_weights(), device(), protocol())
    sub.add_argument("--fresh", action="store_true", help="measure again what is already recorded")
    about = "how far the protocol alone moves the accuracy of one model with given weights"
    add("protocols", "scoring.protocols", about, given_weights(), device())
    about = "write the features of one model with given weights, for others to score"
    sub = add("embed", "scoring.embed", about, given_weights(), device(), protocol())
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


def add_export(add: Add) -> None:
    """Adds the command."""
    about = "write a network as ONNX, OpenVINO, TorchScript or pt2, for others to run, and check it"
    sub = add("export", "export.export", about, given_weights("; or random, for a network to be timed"))
    sub.set_defaults(device="cpu")  # no file depends on where it was written
    sub.add_argument(
        "--out", default="", metavar="FILE", help="the file to write (default: MODEL and the format's ending)"
    )
    about = "onnx, openvino, torchscript or pt2 (default: by the ending of --out)"
    sub.add_argument("--format", default="", metavar="FORMAT", help=about)
    about = "fp32, or for openvino int8, calibrated on training clips of the dataset (default: fp32)"
    sub.add_argument("--precision", default="fp32", help=about)
    about = "clips that the file takes at a time, or any (default: 1)"
    sub.add_argument("--batch", default="1", metavar="N", help=about)


ABOUT_DATA = "make and inspect datasets: synthetic, check, describe"


def add_data(commands: Any) -> str:
    """Adds `data` with its actions to the commands; returns the line about it."""
    data = commands.add_parser("data", description=ABOUT_DATA, allow_abbrev=False)
    kinds = data.add_subparsers(metavar="ACTION", dest="action", required=True)
    about = "write a synthetic dataset in the MARS layout"
    make = kinds.add_parser("synthetic", help=about, description=about, parents=[common(False)], allow_abbrev=False)
    make.add_argument("out", metavar="OUT", help="the folder to make")
    defaults = registry.datasets()["synthetic"].options
    for name, (metavar, about) in ABOUT.items():
        flag, default = f"--{name.replace('_', '-')}", defaults[name]
        about = f"{about} (default: {default})"
        make.add_argument(flag, dest=f"option_{name}", type=type(default), default=default, metavar=metavar, help=about)
    make.add_argument("--sheet", metavar="FILE", help="also draw look-alikes under each other, as FILE.png")
    make.set_defaults(run="data.synthetic", parser=make)
    about = "compare a dataset's folder with what was published of it: counts, missing and damaged frames"
    check = _add_action(kinds, "check", about)
    about = "let the exit code be 0, not 1, where nothing is wrong but counts that differ from the published ones"
    check.add_argument("--subset", action="store_true", help=about)
    check.add_argument("--decode", action="store_true", help="also decode every frame, which takes minutes")
    about = "what a dataset holds: parts, tracklet lengths, cameras, matches, image sizes"
    describe = _add_action(kinds, "describe", about)
    about = "as everywhere: accept counts that differ from the published ones, which this command does anyway"
    describe.add_argument("--subset", action="store_true", help=about)
    describe.add_argument("--out", default="", metavar="FILE", help="also draw it, as FILE.png")
    data.set_defaults(parser=data)
    return ABOUT_DATA


def _add_action(kinds: Any, name: str, about: str) -> Parser:
    action: Parser = kinds.add_parser(name, help=about, description=about, parents=[common(False)], allow_abbrev=False)
    action.add_argument("name", metavar="NAME", help="a registered dataset")
    action.add_argument("--root", default="", metavar="DIR", help="the folder that holds it, if it needs one")
    add_data_options(action)
    action.set_defaults(run=f"data.{name}", parser=action)
    return action


def add_doctor(add: Add) -> None:
    """Adds the command."""
    about = "check the installation, this machine's noise and the records: exit code 1 where something is to be mended"
    sub = add("doctor", "doctor.doctor", about)
    about = "move what is damaged or misnamed to where it belongs; nothing is deleted"
    sub.add_argument("--repair", action="store_true", help=about)
    about = "how long the noise is measured (default: 4; 0 leaves it out)"
    sub.add_argument("--seconds", type=float, default=4.0, metavar="S", help=about)
