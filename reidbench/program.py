"""What the command is called: `python bench.py` in a checkout, `reidbench` where it is installed. Imports no torch."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
"""The package's own folder."""


def in_checkout() -> bool:
    """Whether the package lies in a checkout, which has `bench.py`, `models/` and `suites/` beside it."""
    return (HERE.parent / "bench.py").is_file()


def beginning() -> tuple[str, ...]:
    """The words that a command line begins with."""
    return ("python", "bench.py") if in_checkout() else ("reidbench",)


def program() -> str:
    """What stands before errors and in the help."""
    return beginning()[-1]


def install_command(extra: str) -> str:
    """What installs an extra of this project: from the folder in a checkout, for no package index has it yet."""
    return f"pip install -e '.[{extra}]'" if in_checkout() else f"pip install 'reidbench[{extra}]'"
