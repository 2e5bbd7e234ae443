"""The options of `data` and its actions."""

from __future__ import annotations

from typing import Any

from reidbench import registry
from reidbench.commands.parser import Parser, add_data_options, common
from reidbench.data.synthetic_options import ABOUT

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
