"""The parser of the command line, and the options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from reidbench.registry import nearest
from reidbench.spec import UserError

Add = Callable[..., "Parser"]
"""Adds a command: (name, module.function of `reidbench.commands`, about, *parents) -> its parser."""


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


def common() -> Parser:
    """What every command takes."""
    parser = Parser(add_help=False)
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.add_argument("--results", default="results", metavar="DIR", help="where records lie (default: results)")
    parser.add_argument("--machine", default="", metavar="NAME", help="the machine's folder (default: this machine's)")
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE", help="a Python file to register")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    return parser


def training() -> Parser:
    """How a model is trained, and on what."""
    parser = Parser(add_help=False, parents=[data(), protocol()])
    parser.add_argument("--preset", default="quick", help="tiny, quick, standard, fine, full or paper (default: quick)")
    return parser


def given_weights() -> Parser:
    """A model, its weights and the data they are put to."""
    parser = Parser(add_help=False, parents=[model(), data()])
    about = "tiny, quick, standard, fine, full or paper (default: the first that the weights fit)"
    parser.add_argument("--preset", default="", help=about)
    about = "a checkpoint: ours, as .pt or .safetensors, or the authors' .pth.tar"
    parser.add_argument("--weights", dest="checkpoint", default="", metavar="FILE", help=about)
    return parser


def protocol() -> Parser:
    """How features are scored."""
    parser = Parser(add_help=False)
    parser.add_argument(
        "--protocol", default="release", metavar="NAME", help="how features are scored (default: release)"
    )
    return parser


def data() -> Parser:
    """The dataset, and where it is worked on."""
    parser = Parser(add_help=False)
    parser.add_argument("--dataset", default="", metavar="NAME", help="another dataset than the preset's")
    parser.add_argument("--root", default="", metavar="DIR", help="the folder that holds the dataset")
    add_data_options(parser)
    parser.add_argument("--subset", action="store_true", help="accept counts that differ from the published ones")
    parser.add_argument("--device", default="cpu", help="where to train and to embed: cpu or cuda")
    return parser


def add_data_options(parser: Parser) -> None:
    """Options of the dataset itself."""
    parser.add_argument(
        "--data",
        dest="dataset_options",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="an option of the dataset, such as split=3",
    )


def start() -> Parser:
    """What trunks start from."""
    parser = Parser(add_help=False)
    parser.add_argument("--weights", default="", metavar="FILE", help="what trunks start from: a file, or imagenet")
    return parser


def selection() -> Parser:
    """What of a suite is meant."""
    parser = Parser(add_help=False)
    parser.add_argument("--only", default="", metavar="KIND", help="cost or accuracy")
    parser.add_argument("--rows", nargs="+", default=[], metavar="ROW", help="rows by name or by number from 1")
    about = "training seeds (default: the preset's to measure, all that most rows have recorded to report)"
    parser.add_argument("--seeds", type=int, metavar="N", help=about)
    about = "random splits of a dataset that has them: all (the default), or numbers and ranges such as 1-3,7"
    parser.add_argument("--splits", default="", metavar="WHICH", help=about)
    return parser


def model() -> Parser:
    """One model and its options."""
    parser = Parser(add_help=False)
    parser.add_argument("model", metavar="MODEL", help="a registered model")
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="a model option")
    return parser
