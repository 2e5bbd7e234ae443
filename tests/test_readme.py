"""The README is true: its commands are understood, its table is the one in the committed report, its files exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from reidbench import cli

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = README + "".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
COMMANDS = re.findall(r"(?:^|`|&& )python bench\.py ([^`#\n]+)", PAGES, flags=re.MULTILINE)


@pytest.mark.parametrize("command", sorted({command.strip() for command in COMMANDS}))
def test_every_command_is_understood(command: str) -> None:
    arguments = shlex.split(command)
    if "--plugin" not in arguments:
        assert cli._parser().parse_all(arguments).run


def test_the_table_is_the_committed_reports() -> None:
    shown = re.search(r"<!-- table2 (\S+) -->(.*?)<!-- end -->", README, flags=re.DOTALL)
    assert shown
    assert README.count("<!-- end -->") == 1, "the table stands there once"
    report = (ROOT / shown[1]).read_text()
    lines = [line for line in shown[2].splitlines() if line.startswith("|")]
    assert len(lines) > 20
    for line in lines:
        assert line in report.splitlines()


@pytest.mark.parametrize("path", sorted(set(re.findall(r'(?:\]\(|src=")([^)":]+)[)"]', README))))
def test_every_file_it_points_to_exists(path: str) -> None:
    assert (ROOT / path).exists()
