"""Tells at the end how many cases were tried, and writes it to `REIDBENCH_FUZZ_REPORT` where that names a file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

# The small trees of the datasets' tests and the made-up suite of the reports' are samples here.
sys.path += [str(Path(__file__).parent.parent / name) for name in ("data", "reporting")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from trying import report

    found = report()
    if found["cases"]:
        seed = f", seed {found['seed']}" if found["nightly"] else ""
        terminalreporter.write_line(f"fuzz: {found['cases']} cases{seed}")
    if name := os.environ.get("REIDBENCH_FUZZ_REPORT", ""):
        Path(name).write_text(json.dumps(found, indent=1) + "\n")


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own to work in, with a cache of its own."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path
