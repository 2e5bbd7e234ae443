"""`bench.py doctor`. Nothing here needs a package to be installed: what is missing is what it is there to say."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from pathlib import Path

from reidbench.commands.output import print_json
from reidbench.doctor.findings import Finding, is_sound
from reidbench.spec import UserError

LONGEST = 600.0
"""Seconds of the noise measurement at most."""


def doctor(arguments: Namespace) -> int:
    """Examines everything, repairs records where asked to, and returns 0 where all is sound, else 1."""
    if not 0 <= arguments.seconds <= LONGEST:
        raise UserError(f"--seconds {arguments.seconds:g}: give 0 to {LONGEST:.0f}")
    records = _records(arguments)  # first: a folder that is not there ends the command at once
    sections = {
        "installation": _examined(_installation),
        "machine": _examined(lambda: _machine(arguments)),
        **({"noise": _examined(lambda: _noise(arguments))} if arguments.seconds else {}),
        **records,
    }
    _show(sections, arguments)
    return 0 if is_sound(sections) else 1


def _installation() -> Iterable[Finding]:
    from reidbench.doctor import installation

    return installation.examine()


def _machine(arguments: Namespace) -> Iterable[Finding]:
    from reidbench.doctor import host

    return host.examine(Path(arguments.results))


def _noise(arguments: Namespace) -> Iterable[Finding]:
    from reidbench.doctor import noise

    print(f"measuring the machine's noise for {arguments.seconds:g} seconds", file=sys.stderr)
    return noise.examine(arguments.seconds)


def _records(arguments: Namespace) -> dict[str, list[Finding]]:
    """The findings on each machine's folder, and what was repaired. Raises UserError for folders that are not there."""
    try:
        from reidbench.doctor import records
    except ModuleNotFoundError as error:
        return {"records": [_without(error)]}
    chosen = records.stores(arguments.results, arguments.machine)
    if not chosen:
        return {"records": [Finding("records", f"none yet under {arguments.results}")]}
    found: dict[str, list[Finding]] = {}
    for store in chosen:
        if arguments.repair:
            found[f"repaired in {store.name}"] = records.mend(store) or [
                Finding("nothing", "there was nothing to move")
            ]
        found[f"records of {store.name}"] = records.examine(store)
    return found


def _examined(examine: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """A section's findings; where a package is missing that looking takes, that is the finding."""
    try:
        return list(examine())
    except ModuleNotFoundError as error:
        return [_without(error)]


def _without(error: ModuleNotFoundError) -> Finding:
    return Finding(
        "not examined", f"{error.name} is not installed, which this takes: pip install {error.name}", "wrong"
    )


def _show(sections: dict[str, list[Finding]], arguments: Namespace) -> None:
    from reidbench.doctor import presentation

    if arguments.json:
        print_json(presentation.to_json(sections))
        return
    if sys.stdout.isatty():
        try:
            from rich.console import Console
        except ModuleNotFoundError:
            pass
        else:
            Console(highlight=False).print(*presentation.rendered(sections), sep="\n")
            return
    print("\n".join(presentation.plain_lines(sections)))
