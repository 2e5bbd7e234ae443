"""The command line in the process of a test: the code behind `bench.py`, without a second of imports each time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from reidbench import registry
from reidbench.cli import main


def bench(*arguments: str, environment: Mapping[str, str]) -> tuple[int, str, str]:
    """The exit code, and what is printed to stdout and to stderr, on a terminal of 80 columns.

    Plugins go with the command, so that the next one reads their files anew. Its workers are real.
    """
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(StringIO()) as out,
        redirect_stderr(StringIO()) as err,
    ):
        for name, value in {"COLUMNS": "80", **environment}.items():
            patch.setenv(name, value)
        try:
            code = main(arguments)
        finally:
            for file in registry.plugins():
                registry._take_away(Path(file))
    return code, out.getvalue(), err.getvalue()
