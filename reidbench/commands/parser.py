"""The parser of the command line, and the options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from reidbench.presets import PRESETS
from reidbench.program import program
from reidbench.registry import nearest
from reidbench.spec import UserError

Add = Callable[..., "Parser"]
"""Adds a command: (name, module.function of `reidbench.commands`, about, *parents, records=True) -> its parser."""

Adding = argparse._ActionsContainer
"""What options are added to: a parser, or a section of its help."""

*_FIRST, _LAST = PRESETS
PRESET_NAMES = f"{', '.join(_FIRST)} or {_LAST}"

WEIGHTS = "--weights"
ASKED_WEIGHTS = f"a checkpoint of this model, as {program()} train MODEL --out DIR makes one"


class Parser(argparse.ArgumentParser):
    """Errors are one line, propose the nearest name, and become a UserError."""

    given: Sequence[str] = ()
    """The arguments that are being parsed."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.given = list(args or ())
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        lacking = message.partition(" arguments are required: ")[2].split(", ")
        greedy = [action.option_strings[0] for action in self._actions if action.nargs == "+" and action.option_strings]
        for option in greedy:
            if option in self.given and (places := [name for name in lacking if name and not name.startswith("-")]):
                message += f"; {option} takes all that follows it, so put {' '.join(places)} before it"
        if lacking == [WEIGHTS]:
            message = f"{WEIGHTS} FILE: {self.get_default('asks_for_weights')}"
        raise UserError(message)

    def parse_all(self, arguments: Sequence[str]) -> argparse.Namespace:
        namespace, unknown = self.parse_known_args(arguments)
        if unknown:
            options = [o for o in namespace.parser._option_string_actions if o.startswith("--")]
            option = unknown[0].partition("=")[0]
            if option in options:
                raise UserError(f"{option}: give it after the command, {namespace.command} {option}")
            # A second OPTION=VALUE is taken for the model where that follows.
            again = next((text for text in (unknown[0], str(getattr(namespace, "model", ""))) if "=" in text), "")
            hint = nearest(option, options) if option.startswith("-") else again and _repeat(again, arguments)
            raise UserError(f"{namespace.command}: unknown argument {unknown[0]!r}{hint}")
        return namespace


def _repeat(unknown: str, arguments: Sequence[str]) -> str:
    """The advice to repeat an option that takes one OPTION=VALUE at a time, where a second one follows it; else ""."""
    before = [text for text in arguments[: arguments.index(unknown)] if text.startswith("--")]
    again = before and before[-1] in ("--set", "--data")
    return f"; write {before[-1]} {unknown}, each with a {before[-1]} of its own" if again else ""


class Once(argparse.Action):
    """Stores a value, and refuses a second one, where both might be meant."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        before = getattr(namespace, self.dest)
        if before not in (self.default, values):
            raise UserError(f"{option_string} {before} and {option_string} {values}: give one, or none for both")
        setattr(namespace, self.dest, values)


def common(records: bool = True) -> Parser:
    """What every command takes; `records` is for those that read or write any."""
    parser = Parser(add_help=False)
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    if records:
        about = "the folder of records, with a folder for each machine (default: results)"
        parser.add_argument("--results", default="results", metavar="DIR", help=about)
        about = "the name of the machine's folder there; a new name makes a new one (default: this machine's)"
        parser.add_argument("--machine", default="", metavar="NAME", help=about)
    about = "a Python file of one's own models, datasets, measurements or suite; may be repeated"
    parser.add_argument("--plugin", action="append", default=[], metavar="FILE", help=about)
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    return parser


def training(title: str = "") -> Parser:
    """How a model is trained, and on what; the help has it under a title, if one is given."""
    parser = Parser(add_help=False, parents=[data(title), device(), protocol(title)])
    about = f"{PRESET_NAMES} (default: quick)"
    _section(parser, title).add_argument("--preset", default="quick", help=about)
    return parser


def given_weights(other: str = "") -> Parser:
    """A model, its weights and the data they are put to; `other` says what else the weights may be."""
    parser = Parser(add_help=False, parents=[model(), data()])
    about = f"{PRESET_NAMES} (default: the first that the weights fit)"
    parser.add_argument("--preset", default="", help=about)
    about = f"a checkpoint: ours, as .pt or .safetensors, the authors' .pth.tar, or a state dict of one's own{other}"
    parser.add_argument(WEIGHTS, dest="checkpoint", required=True, metavar="FILE", help=about)
    parser.set_defaults(asks_for_weights=f"give {ASKED_WEIGHTS}{other}")
    return parser


def protocol(title: str = "") -> Parser:
    """How features are scored."""
    parser = Parser(add_help=False)
    about = f"how features are scored; {program()} list names all (default: release)"
    _section(parser, title).add_argument("--protocol", default="release", metavar="NAME", help=about)
    return parser


def device() -> Parser:
    """Where to compute."""
    parser = Parser(add_help=False)
    parser.add_argument("--device", default="cpu", help="where to compute: cpu or cuda (default: cpu)")
    return parser


def data(title: str = "") -> Parser:
    """The dataset."""
    parser = Parser(add_help=False)
    section = _section(parser, title)
    section.add_argument("--dataset", default="", metavar="NAME", help="a dataset (default: the preset's)")
    section.add_argument("--root", default="", metavar="DIR", help="the folder that holds the dataset, if it needs one")
    add_data_options(section)
    section.add_argument("--subset", action="store_true", help="accept counts that differ from the published ones")
    return parser


def add_data_options(parser: Adding) -> None:
    """Options of the dataset itself."""
    about = f"an option of the dataset, such as occlusion=0.5 ({program()} list NAME shows all); may be repeated"
    parser.add_argument(
        "--data", dest="dataset_options", action="append", default=[], metavar="OPTION=VALUE", help=about
    )


def start(title: str = "") -> Parser:
    """What trunks start from."""
    parser = Parser(add_help=False)
    about = "what trunks start from: imagenet (fetched once), synthetic (shipped), or a file (default: the preset's)"
    _section(parser, title).add_argument(WEIGHTS, default="", metavar="FILE", help=about)
    return parser


def selection() -> Parser:
    """What of a suite is meant."""
    parser = Parser(add_help=False)
    add_only(parser)
    add_rows(parser)
    about = "trainings of each row (default: the preset's; a report shows as many as most rows have recorded)"
    parser.add_argument("--seeds", type=int, metavar="N", help=about)
    about = "random splits of a dataset that has them: numbers and ranges such as 1-3,7 (default: all)"
    parser.add_argument("--splits", default="", metavar="WHICH", help=about)
    return parser


def add_only(parser: Adding) -> None:
    """One kind of columns."""
    about = "cost or accuracy (default: both); with --device cuda, costs on the GPU alone"
    parser.add_argument("--only", action=Once, default="", metavar="KIND", help=about)


def add_rows(parser: Adding) -> None:
    """Some rows."""
    about = "rows by name, or by number such as 2 8 or 1-3,7; takes all that follows it (default: all)"
    parser.add_argument("--rows", nargs="+", default=[], metavar="ROW", help=about)


def model() -> Parser:
    """One model and its options."""
    parser = Parser(add_help=False)
    parser.add_argument("model", metavar="MODEL", help="a registered model")
    about = f"a model option, such as width=32 ({program()} list MODEL shows all); may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help=about)
    return parser


def _section(parser: Parser, title: str) -> Adding:
    return parser.add_argument_group(title) if title else parser
