"""What workers tell: events come through as they were, anything else is refused and shown."""

import io
import json

import pytest

from reidbench.running.events import Events, read_event
from reidbench.spec import Cell

CELL = Cell("row", "accuracy", "baseline", {}, {}, "")
OUTCOME = {"key": CELL.key, "started": "then", "seconds": 1.5, "outcome": {"values": {"mAP": 0.5}}}
ERROR = {"keys": [CELL.key], "started": "then", "seconds": 2, "status": "failed", "error": "why"}


def test_events_come_through_as_they_were() -> None:
    stream = io.StringIO()
    events = Events(stream)
    events.progress(CELL, 1, 3, "loss 0.5")
    events.progress(CELL, 2, 3, "too soon to tell again")
    events.progress(CELL, 3, 3)
    events.emit("outcome", **OUTCOME)
    events.emit("error", **ERROR)
    found = [read_event(line, {CELL.key}) for line in stream.getvalue().splitlines(keepends=True)]
    assert [event.pop("event") for event in found] == ["progress", "progress", "outcome", "error"]
    steps = [{"key": CELL.key, "done": done, "total": 3, "note": note} for done, note in ((1, "loss 0.5"), (3, ""))]
    assert found == [*steps, OUTCOME, ERROR]


def test_what_is_no_json_is_not_written_in_part() -> None:
    stream = io.StringIO()
    for value in (float("nan"), object()):
        with pytest.raises((ValueError, TypeError)):
            Events(stream).emit("outcome", **OUTCOME | {"outcome": {"values": {"mAP": value}}})
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "line",
    [
        *("epoch 3", "", "{", "[]", "null", "3", '"outcome"', "{}", '{"event": []}', '{"event": "other"}', "[" * 5000),
        '{"event": "progress", "key": "", "done": NaN, "total": 1, "note": ""}',
        json.dumps({"event": "outcome", **OUTCOME, "more": 1}),
        json.dumps({"event": "outcome", **OUTCOME, "key": "another"}),
        json.dumps({"event": "outcome", **OUTCOME, "outcome": {"odd": 1}}),
        json.dumps({"event": "error", **ERROR, "keys": ["another"]}),
        json.dumps({"event": "error", **ERROR, "keys": [[]]}),
        json.dumps({"event": "error", **ERROR, "status": "ok"}),
        json.dumps({"event": "error", **ERROR, "error": None}),
    ],
)
def test_anything_else_is_refused_and_shown_by_its_beginning(line: str) -> None:
    with pytest.raises(ValueError) as refusal:
        read_event(line + "\n", {CELL.key})
    assert str(refusal.value) == repr(line[:60])
