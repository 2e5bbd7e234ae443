"""What commands print: JSON, and of a long work one line on a terminal, few in a log, one process for all."""

import io
import json
import math
import sys
import time

import pytest

from reidbench.commands import output
from reidbench.commands.output import print_json, telling_progress
from reidbench.launch import Place
from reidbench.statistics import Estimate
from reidbench.store import refuse_constant


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setenv("COLUMNS", "40")
    return now


def told(stream: io.StringIO, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> str:
    """600 steps, ten a second."""
    monkeypatch.setattr(sys, "stderr", stream)
    with telling_progress() as progress:
        for done in range(0, 601, 10):
            clock[0] = done / 10
            progress(done, 600, "steps of a work whose note is long" if done == 50 else "steps")
    return stream.getvalue()


def test_a_log_gets_a_line_now_and_then_and_the_last_one(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told(io.StringIO(), clock, monkeypatch).splitlines()
    assert lines == ["200/600 steps, 0:40 left", "400/600 steps, 0:20 left", "600/600 steps"]


def test_a_terminal_gets_one_line_that_fits(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    text = told(Terminal(), clock, monkeypatch)
    assert text.count("\n") == 1 and text.endswith(f"\r600/600 steps{output.TO_LINE_END}\n")
    assert max(len(shown) for shown in text.replace(output.TO_LINE_END, "").split("\r")) == 39


def test_an_error_begins_on_a_line_of_its_own(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(ZeroDivisionError), telling_progress() as progress:
        progress(1, 2, "steps")
        raise ZeroDivisionError
    assert stream.getvalue().endswith("\n")


def test_json_has_no_word_for_what_is_no_finite_number(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"of one reading": Estimate(2.0), "least": -math.inf, "text": "NaN", "none": None, "sizes": (1, 2)})
    found = json.loads(capsys.readouterr().out, parse_constant=refuse_constant)
    of_one = {"value": 2.0, "low": None, "high": None, "n": 1, "sd": None}
    assert found == {"of one reading": of_one, "least": None, "text": "NaN", "none": None, "sizes": [1, 2]}


def test_one_of_several_processes_tells(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "launched", lambda: Place(rank=1, world=2, local_rank=1, local_world=2))
    assert told(io.StringIO(), clock, monkeypatch) == ""
