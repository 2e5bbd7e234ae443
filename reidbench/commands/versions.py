"""Which records were measured with other versions of packages than are installed now. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable

from reidbench import machine
from reidbench.environment import TOLD
from reidbench.spec import Record

GENERAL = {"python", *machine.PACKAGES} - {"torch"}
"""What records hold the versions of beside torch and a backend's own packages: these run no network."""


def outdated(records: Iterable[Record]) -> str:
    """ "torch 2.9.0 (2.13.0 is installed)", for each package that ran the networks and has another version now.

    "" where there is none; a package that is not installed now cannot be measured with, and is left out.
    """
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.versions.items():
            if version and name not in GENERAL and name not in TOLD:
                found.setdefault(name, set()).add(version)
    now = machine.versions(tuple(found))
    told = {name: sorted(versions - {now[name]}) for name, versions in found.items() if now[name]}
    return ", ".join(f"{name} {' and '.join(old)} ({now[name]} is installed)" for name, old in told.items() if old)
