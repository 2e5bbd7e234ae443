"""What a record's context must be for a report or a runner to read it."""

from typing import Any

import pytest

from reidbench.soundness import record_fault
from reidbench.spec import Record, key_of


def record(context: dict[str, Any]) -> Record:
    cell = {"measurement": "complexity", "model": "m", "options": {}, "settings": {}, "source": "s"}
    return Record(cell, key_of(cell), "row", "ok", {}, {}, context, "here", {}, "2026", 1.0)


@pytest.mark.parametrize(
    ("context", "fault"),
    [
        ({}, ""),
        ({"lacking": {"gflops": "ptflops not installed"}, "not_installed": ["ptflops"]}, ""),
        ({"lacking": []}, "context.lacking names no reasons"),
        ({"lacking": {"gflops": 5}}, "context.lacking names no reasons"),
        ({"not_installed": [5]}, "context.not_installed is no list of packages"),
        ({"not_installed": ["os.path"]}, "context.not_installed is no list of packages"),
        ({"other_load": "much"}, "context.other_load is no finite number"),
    ],
)
def test_what_is_read_of_a_context_is_checked(context: dict[str, Any], fault: str) -> None:
    assert record_fault(record(context)) == fault
