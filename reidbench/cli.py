"""The command line: `python bench.py COMMAND` or `python bench.py SUITE`. Imports no torch."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from reidbench import registry
from reidbench.data.synthetic_options import ABOUT
from reidbench.doctor_commands import add_doctor
from reidbench.export_options import add_export
from reidbench.gate_options import add_gate
from reidbench.launch import launched, refuse_several
from reidbench.profiling_options import add_profiling
from reidbench.registry import nearest
from reidbench.spec import UserError, printable

INTERRUPTED = 130
JOINT = (
    "training_commands.train",
    *("scoring_commands.evaluate", "scoring_commands.protocols", "scoring_commands.embed"),
)
"""What several processes run together; whatever else torchrun starts is refused."""

COMMANDS = (
    *("list", "audit", "report", "profile", "trace", "train", "data"),
    *("evaluate", "protocols", "embed", "score", "convert"),
    *("check", "compare", "calibrate", "history", "export", "doctor"),
)
SCORING = "scoring_commands"
"""The module of the commands on given weights and features; `commands` has the others."""


class Parser(argparse.ArgumentParser):
    """Errors are one line, propose the nearest name, and become a UserError."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message)

    def parse_all(self, arguments: Sequence[str]) -> argparse.Namespace:
        namespace, unknown = self.parse_known_args(arguments)
        if unknown:
            options = [o for o in namespace.parser._option_string_actions if o.startswith("--")]
            option = unknown[0].partition("=")[0]
            if option in options:
                raise UserError(f"{option}: give it after the command, {namespace.command} {option}")
            hint = nearest(option, options) if option.startswith("-") else ""
            raise UserError(f"{namespace.command}: unknown argument {unknown[0]!r}{hint}")
        return namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 2 after an error that the user can mend, 130 after Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    show_traceback = "--traceback" in arguments
    _print_anything()
    try:
        for argument in arguments:
            if argument.startswith("--") and argument.endswith("=--"):  # argparse would make an empty list of it
                raise UserError(f"{argument}: give a value after the equals sign")
        for plugin in _plugins(arguments):
            registry.add_plugin(plugin)
        parser = _parser()
        command = next((a for a in arguments if not a.startswith("-")), "")
        known = parser.get_default("known")
        if command and arguments[0] == command and command not in known:
            raise UserError(f"no command or suite is named {command!r}{nearest(command, known)}")
        if not arguments:
            parser.print_help()
            return 0
        namespace = parser.parse_all(arguments)
        namespace.command_line = printable(f"python bench.py {shlex.join(arguments)}")
        module, _, function = namespace.run.rpartition(".")
        command = getattr(import_module(f"reidbench.{module or 'commands'}"), function)
        return int(_jointly(command, namespace) if launched().world > 1 else command(namespace))
    except KeyboardInterrupt:
        print("bench.py: interrupted; records and checkpoints written so far are kept", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (UserError, OSError) as error:
        # What the system refuses, such as a name that is too long, is the user's to mend wherever it comes to light.
        if show_traceback:
            traceback.print_exc()
        named = isinstance(error, OSError) and error.filename and error.strerror
        what = f"{error.filename}: {error.strerror}" if named else str(error)  # type: ignore[union-attr]
        print(f"bench.py: {printable(what)}", file=sys.stderr)
        return 2


def _print_anything() -> None:
    """Has what a terminal cannot show, such as a file's name that is no Unicode, printed as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _jointly(command: Callable[[argparse.Namespace], int], namespace: argparse.Namespace) -> int:
    """Runs a command in one of the processes that torchrun started, the first of which prints for all."""
    if namespace.run not in JOINT:
        refuse_several(namespace.command)
    from reidbench.distributed import joined

    with (
        joined(namespace.device) as place,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(sys.stdout if place.leads else nowhere),
    ):
        return command(namespace)


def _plugins(arguments: Sequence[str]) -> list[str]:
    early = Parser(add_help=False, allow_abbrev=False)
    early.add_argument("--plugin", action="append", default=[], metavar="FILE")
    found: list[str] = early.parse_known_args(arguments)[0].plugin
    return found


def _parser() -> Parser:
    parser = Parser(
        prog="bench.py",
        description="Benchmark and efficiency profiling for video person re-identification.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(title="commands and suites", metavar="COMMAND", dest="command", required=True)

    def add(name: str, run: str, about: str, *parents: Parser) -> Parser:
        sub = commands.add_parser(
            name, help=about, description=about, parents=[_common(), *parents], allow_abbrev=False
        )
        sub.set_defaults(run=run, parser=sub)
        return sub

    for suite in registry.suite_paths():
        if suite in COMMANDS:
            raise UserError(f"{registry.suite_paths()[suite]}: a suite cannot be named {suite!r}, which is a command")
        about = registry.suite_about(suite)
        sub = add(suite, "run_suite", about, _training(), _start(), _selection())
        sub.add_argument("--fresh", action="store_true", help="measure again what is recorded, training again")
    sub = add("audit", "audit", "which counting rule each printed cost of Tables 2 to 6 follows")
    sub.add_argument("--fresh", action="store_true", help="count again what is already recorded")
    add("list", "list_everything", "models, datasets, suites, measurements, presets and protocols, each with one line")
    about = "write tables, figures and what they show from the records"
    sub = add("report", "report", about, _training(), _start(), _selection())
    about = "suites by name, or audit (default: all that are mostly measured); several make one report of their names"
    sub.add_argument("suites", nargs="*", metavar="SUITE", help=about)
    about = "md, html, latex, pdf, or several of them (default: md)"
    sub.add_argument("--format", nargs="+", default=["md"], metavar="FORMAT", help=about)
    sub.add_argument("--out", default="", metavar="DIR", help="where to write (default: the machine's folder)")
    add_gate(add, _training(), _start(), _selection())
    add_profiling(add, _model(), _training(), _start())
    sub = add(
        "train", "training_commands.train", "train one model and keep its weights", _model(), _training(), _start()
    )
    sub.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
    sub.add_argument("--out", required=True, metavar="DIR", help="folder for checkpoints and model.pt")
    about = "try a few steps: check data and weights, tell memory and how long the whole run will take; keep nothing"
    sub.add_argument("--dry-run", action="store_true", help=about)
    about = "under torchrun: batch norm over the whole batch, not over each process's share"
    sub.add_argument("--sync-bn", action="store_true", help=about)
    _add_scoring_commands(add)
    add_export(add, _given_weights())
    add_doctor(add)
    _add_data_command(commands)
    parser.set_defaults(known=sorted(commands.choices))
    return parser


def _add_scoring_commands(add: Callable[..., Parser]) -> None:
    about = "accuracy of one model with given weights, recorded under the weights' SHA-256"
    sub = add("evaluate", f"{SCORING}.evaluate", about, _given_weights(), _protocol())
    sub.add_argument("--fresh", action="store_true", help="measure again what is already recorded")
    about = "how far the protocol alone moves the accuracy of one model with given weights"
    add("protocols", f"{SCORING}.protocols", about, _given_weights())
    about = "write the features of one model with given weights, for others to score"
    sub = add("embed", f"{SCORING}.embed", about, _given_weights(), _protocol())
    sub.add_argument(
        "--out", required=True, metavar="FILE", help="FILE.npz, or FILE.parquet where pyarrow is installed"
    )
    sub = add("score", f"{SCORING}.score", "score the features of a file under one protocol or more")
    sub.add_argument("features", metavar="FILE", help="features that embed wrote as .npz")
    about = "protocols by name (default: all that these features can be scored under)"
    sub.add_argument("--protocol", nargs="+", default=[], metavar="NAME", help=about)
    sub = add("convert", f"{SCORING}.convert", "write weights of any known kind as .pt or .safetensors of this project")
    about = "ours, the authors' .pth.tar, or a trunk as torchvision or CLIP names it"
    sub.add_argument("source", metavar="FROM", help=about)
    sub.add_argument("target", metavar="TO", help="a name that ends with .pt or .safetensors")


def _add_data_command(commands: Any) -> None:
    about = "make and inspect datasets"
    data = commands.add_parser("data", help=about, description=about, allow_abbrev=False)
    kinds = data.add_subparsers(metavar="ACTION", dest="action", required=True)
    about = "write a synthetic dataset in the MARS layout"
    make = kinds.add_parser("synthetic", help=about, description=about, parents=[_common()], allow_abbrev=False)
    make.add_argument("out", metavar="OUT", help="the folder to make")
    defaults = registry.datasets()["synthetic"].options
    for name, (metavar, about) in ABOUT.items():
        flag, default = f"--{name.replace('_', '-')}", defaults[name]
        about = f"{about} (default: {default})"
        make.add_argument(flag, dest=f"option_{name}", type=type(default), default=default, metavar=metavar, help=about)
    make.add_argument("--sheet", metavar="FILE", help="also draw look-alikes under each other as a PNG")
    make.set_defaults(run="data_synthetic", parser=make)
    about = "compare a dataset's folder with what was published of it: counts, missing and damaged frames"
    check = _add_data_action(kinds, "check", about)
    check.add_argument("--decode", action="store_true", help="also decode every frame, which takes minutes")
    about = "what a dataset holds: parts, tracklet lengths, cameras, matches, image sizes"
    describe = _add_data_action(kinds, "describe", about)
    describe.add_argument("--out", default="", metavar="FILE", help="also draw it as a PNG")
    data.set_defaults(parser=data)


def _add_data_action(kinds: Any, name: str, about: str) -> Parser:
    action: Parser = kinds.add_parser(name, help=about, description=about, parents=[_common()], allow_abbrev=False)
    action.add_argument("name", metavar="NAME", help="a registered dataset")
    action.add_argument("--root", default="", metavar="DIR", help="the folder that holds it")
    _add_data_options(action)
    action.set_defaults(run=f"data_{name}", parser=action)
    return action


def _common() -> Parser:
    parser = Parser(add_help=False)
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.add_argument("--results", default="results", metavar="DIR", help="where records lie (default: results)")
    parser.add_argument("--machine", default="", metavar="NAME", help="the machine's folder (default: this machine's)")
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE", help="a Python file to register")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    return parser


def _training() -> Parser:
    parser = Parser(add_help=False, parents=[_data(), _protocol()])
    parser.add_argument("--preset", default="quick", help="tiny, quick, standard, fine, full or paper (default: quick)")
    return parser


def _given_weights() -> Parser:
    parser = Parser(add_help=False, parents=[_model(), _data()])
    about = "tiny, quick, standard, fine, full or paper (default: the first that the weights fit)"
    parser.add_argument("--preset", default="", help=about)
    about = "a checkpoint: ours, as .pt or .safetensors, or the authors' .pth.tar"
    parser.add_argument("--weights", dest="checkpoint", default="", metavar="FILE", help=about)
    return parser


def _protocol() -> Parser:
    parser = Parser(add_help=False)
    parser.add_argument(
        "--protocol", default="release", metavar="NAME", help="how features are scored (default: release)"
    )
    return parser


def _data() -> Parser:
    parser = Parser(add_help=False)
    parser.add_argument("--dataset", default="", metavar="NAME", help="another dataset than the preset's")
    parser.add_argument("--root", default="", metavar="DIR", help="the folder that holds the dataset")
    _add_data_options(parser)
    parser.add_argument("--subset", action="store_true", help="accept counts that differ from the published ones")
    parser.add_argument("--device", default="cpu", help="where to train and to embed: cpu or cuda")
    return parser


def _add_data_options(parser: Parser) -> None:
    parser.add_argument(
        "--data",
        dest="dataset_options",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="an option of the dataset, such as split=3",
    )


def _start() -> Parser:
    parser = Parser(add_help=False)
    parser.add_argument("--weights", default="", metavar="FILE", help="what trunks start from: a file, or imagenet")
    return parser


def _selection() -> Parser:
    parser = Parser(add_help=False)
    parser.add_argument("--only", default="", metavar="KIND", help="cost or accuracy")
    parser.add_argument("--rows", nargs="+", default=[], metavar="ROW", help="rows by name or by number from 1")
    about = "training seeds (default: the preset's to measure, all that most rows have recorded to report)"
    parser.add_argument("--seeds", type=int, metavar="N", help=about)
    about = "random splits of a dataset that has them: all (the default), or numbers and ranges such as 1-3,7"
    parser.add_argument("--splits", default="", metavar="WHICH", help=about)
    return parser


def _model() -> Parser:
    parser = Parser(add_help=False)
    parser.add_argument("model", metavar="MODEL", help="a registered model")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="a model option")
    return parser
