"""The command line: `python bench.py COMMAND` or `python bench.py SUITE`. Imports no torch."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from reidbench import __version__, registry
from reidbench.commands.help_page import help_page, usage
from reidbench.commands.options import (
    add_data,
    add_doctor,
    add_export,
    add_gate,
    add_profiling,
    add_scoring,
    add_suites,
    add_training,
)
from reidbench.commands.parser import Parser, common
from reidbench.environment import put_aside
from reidbench.launch import launched, refuse_several
from reidbench.program import HERE, beginning, program
from reidbench.registry import nearest
from reidbench.spec import UserError, printable
from reidbench.training.interrupts import hung_up

INTERRUPTED = 130
JOINT = ("training.train", "scoring.evaluate", "scoring.protocols", "scoring.embed")
"""What several processes run together; whatever else torchrun starts is refused."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0, 2 after an error that the user can mend, 130 after Ctrl-C, SIGTERM or SIGHUP."""
    if arguments is None:  # a process of its own: figures need no screen, and matplotlib refuses a name that it lacks
        os.environ["MPLBACKEND"] = "agg"
        put_aside()
    with _ended_as_by_ctrl_c():
        return _run(sys.argv[1:] if arguments is None else list(arguments))


def _run(arguments: list[str]) -> int:
    show_traceback = "--traceback" in arguments
    _open_what_is_closed()
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
        namespace.command_line = printable(shlex.join([*beginning(), *arguments]))
        module, _, function = namespace.run.partition(".")
        command = getattr(import_module(f"reidbench.commands.{module}"), function)
        return int(_jointly(command, namespace) if launched().world > 1 else command(namespace))
    except KeyboardInterrupt:
        print(f"{program()}: interrupted; records and checkpoints written so far are kept", file=sys.stderr)
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
        print(f"{program()}: {printable(what)}", file=sys.stderr)
        return 2
    except Exception as error:
        from reidbench.resources import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        if show_traceback:
            traceback.print_exc()
        said = printable(" ".join(str(error).split()))[:200]
        print(f"{program()}: out of memory: try fewer clips, fewer frames or a smaller model ({said})", file=sys.stderr)
        return 2


def _open_what_is_closed() -> None:
    """Has a standard stream that was closed (`2>&-`) lead nowhere: else what is opened next would take its place."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _print_anything() -> None:
    """Has what a terminal cannot show, such as a file's name that is no Unicode, printed as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Has SIGTERM, by which a scheduler or a system that shuts down ends a run, and SIGHUP, by which a terminal that is
    closed does, lose no more than Ctrl-C does. What is ignored, as SIGHUP is under nohup, stays so."""
    main = threading.current_thread() is threading.main_thread()
    handlers = {signal.SIGTERM: signal.default_int_handler, signal.SIGHUP: hung_up}
    taken = [number for number in handlers if main and signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, handlers[number])
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _jointly(command: Callable[[argparse.Namespace], int], namespace: argparse.Namespace) -> int:
    """Runs a command in one of the processes that torchrun started, the first of which prints for all."""
    if namespace.run not in JOINT:
        refuse_several(namespace.command)
    from reidbench.distributed import joined

    with (
        joined(namespace.device) as place,
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
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
        prog=program(),
        usage=usage(),
        description="Benchmark and efficiency profiling for video person re-identification.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    version = f"reidbench {__version__} in {HERE}"
    parser.add_argument(
        "--version", action="version", version=version, help="show the version and its folder, and exit"
    )
    commands = parser.add_subparsers(
        prog=program(), metavar="COMMAND", dest="command", required=True, help=argparse.SUPPRESS
    )
    abouts: dict[str, str] = {}

    def add(name: str, run: str, about: str, *parents: Parser, records: bool = True) -> Parser:
        abouts[name] = about
        sub = commands.add_parser(name, description=about, parents=[common(records), *parents], allow_abbrev=False)
        sub.set_defaults(run=run, parser=sub)
        return sub

    add_suites(add)
    add_gate(add)
    add_profiling(add)
    add_training(add)
    add_scoring(add)
    add_export(add)
    add_doctor(add)
    abouts["data"] = add_data(commands)
    parser.set_defaults(known=sorted(commands.choices))
    parser.epilog = help_page(abouts)
    return parser
