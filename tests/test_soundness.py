"""What a record, a machine's description and any JSON must be for a report or a runner to read it."""

import math
from dataclasses import replace
from typing import Any

import pytest

from reidbench import soundness
from reidbench.soundness import DEEPEST, machine_fault, record_fault, samples_fault, tree_fault
from reidbench.spec import Quantity, Record, key_of


def record(
    context: dict[str, Any], *, settings: dict[str, Any] | None = None, measurement: str = "complexity"
) -> Record:
    cell = {"measurement": measurement, "model": "m", "options": {}, "settings": settings or {}, "source": "s"}
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


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"row": 5}, "row is no text"),
        ({"status": "odd"}, "unknown status 'odd'"),
        ({"values": []}, "values is no object"),
        ({"versions": {"torch": 2}}, "versions.torch is no text"),
        ({"seconds": math.nan}, "seconds is no finite number"),
        ({"seconds": True}, "seconds is no finite number"),
        ({"values": {"params": "5"}}, "values.params is no finite number"),
        ({"values": {"params": 1e101}}, "values.params is no finite number"),
        ({"values": {"params": -5}, "samples": {"ap": [0.5, 1]}}, ""),
        ({"samples": {"ap": 0.5}}, "samples.ap is no list of finite numbers"),
        ({"samples": {"ap": {"0": 0.5}}}, "samples.ap is no list of finite numbers"),
        ({"samples": {"ap": [0.5, math.inf]}}, "samples.ap is no list of finite numbers"),
        ({"samples": {"ap": [0.5, math.nan, 1]}}, "samples.ap is no list of finite numbers"),
        ({"samples": {"ap": [0.5, True]}}, "samples.ap is no list of finite numbers"),
        ({"samples": {"ap": [0.5, "1"]}}, "samples.ap is no list of finite numbers"),
        ({"samples": {"ap": [0.5, None]}}, "samples.ap is no list of finite numbers"),
        ({"samples": {"ap": [10**101, 1]}}, "samples.ap is no list of finite numbers"),
        ({"samples": {"ap": []}}, ""),
        ({"key": "other"}, "its key 'other' is not that of its cell"),
    ],
)
def test_the_parts_of_a_record_have_their_types(changes: dict[str, Any], fault: str) -> None:
    assert record_fault(replace(record({}), **changes)) == fault


NAMED = {"name": "mars", "fingerprint": "f"}


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"dataset": NAMED, "recipe": {"size": [256, 128]}, "protocol": {"name": "release"}}, ""),
        ({"recipe": {}}, ""),
        ({"dataset": []}, "dataset is no object"),
        ({"dataset": {"name": "mars"}}, "dataset.fingerprint is missing or of another type"),
        ({"dataset": {**NAMED, "subset": 1}}, "dataset.subset is missing or of another type"),
        ({"protocol": {}}, "protocol.name is missing or of another type"),
        ({"recipe": {"size": "256x128"}}, "recipe.size is missing or of another type"),
        ({"recipe": {"size": [256]}}, "recipe.size is no height and width"),
        ({"recipe": {"size": [256, "128"]}}, "recipe.size is no height and width"),
    ],
)
def test_what_is_read_of_the_settings_is_checked(settings: dict[str, Any], fault: str) -> None:
    assert record_fault(record({}, settings=settings)) == (fault and f"cell.settings.{fault}")


TIME = Quantity("", "ms", "lower", statistic="ratio", sample="seconds", over="reference")
MEAN = Quantity("", "%", "higher", statistic="mean", sample="ap", by="person", where="counts")


@pytest.mark.parametrize(
    ("samples", "fault"),
    [
        ({"seconds": [1.0, 2.0], "reference": [1.0, 1.0], "ap": [0.5], "person": [3.0], "counts": [1.0]}, ""),
        ({"seconds": [1.0, 2.0], "ap": [0.5]}, ""),
        ({"seconds": [1.0, 2.0], "reference": [1.0]}, "samples.seconds has 2 readings and samples.reference 1"),
        ({"seconds": [1.0, 2.0], "reference": [1.0, 0.0]}, "samples.reference holds what is no time"),
        ({"ap": [0.5], "person": [1.0, 2.0]}, "samples.ap has 1 readings and samples.person 2"),
        ({"counts": [1.0], "person": [1.0, 2.0]}, "samples.counts has 1 readings and samples.person 2"),
        ({"other": [1.0], "identity": [1.0, 2.0]}, "samples.other has 1 readings and samples.identity 2"),
    ],
)
def test_samples_of_the_same_readings_are_equally_many(samples: dict[str, list[float]], fault: str) -> None:
    assert samples_fault(samples, [TIME, MEAN]) == fault


def test_the_samples_of_a_record_are_checked_by_its_measurement_if_that_is_known() -> None:
    samples = {"per_frame": [1.0, 2.0], "reference": [1.0]}
    found = record_fault(replace(record({}, measurement="latency"), samples=samples))
    assert found == "samples.per_frame has 2 readings and samples.reference 1"
    assert record_fault(replace(record({}, measurement="of_a_plugin"), samples=samples)) == ""


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ({"gpu": "", "cores": 1, "cpu": "a name", "memory": 8e9}, ""),
        ({"cores": 8}, "gpu is no text"),
        ({"gpu": ""}, "cores is no number of cores"),
        ({"gpu": "", "cores": 0}, "cores is no number of cores"),
        ({"gpu": "", "cores": True}, "cores is no number of cores"),
        ({"gpu": "", "cores": 8.0}, "cores is no number of cores"),
        ({"gpu": "", "cores": 8, "os": None}, "os is neither a text nor a number"),
        ({"gpu": "", "cores": 8, "memory": math.inf}, "memory is neither a text nor a number"),
    ],
)
def test_what_is_read_of_a_machine_is_checked(facts: dict[str, Any], fault: str) -> None:
    assert machine_fault(facts) == fault


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth > 1 else []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({"a": [1, -1e100, "text", None, {"b": True}], "c": {}}, ""),
        (nested(DEEPEST), ""),
        (nested(DEEPEST + 1), "more than 32 lists or objects inside each other"),
        ({"a": [[1e999]]}, "a number beyond 1e+100"),
        ({"a": {"b": -1e101}}, "a number beyond 1e+100"),
        ({"a": ["half \ud800"]}, "a text that is no Unicode"),
        ([{"half \ud800": 1}], "a text that is no Unicode"),
        ({"a": ["boom \x1b[2J"]}, "a text with control characters"),
        ({"a \x9b": 1}, "a text with control characters"),
        ({"a": ["two\nlines\tand more"]}, ""),
        ({"a": [1, 2.5, math.nan]}, "a number beyond 1e+100"),
        ({"a": [math.nan, 1]}, "a number beyond 1e+100"),
        ({"a": [1, 2, -1e101]}, "a number beyond 1e+100"),
        ({"a": [10**400, 1]}, "a number beyond 1e+100"),
        ({"a": [[1, 2], [3, "\x07"]]}, "a text with control characters"),
    ],
)
def test_what_no_reader_could_take_is_found_wherever_it_stands(content: Any, fault: str) -> None:
    assert tree_fault(content) == fault


@pytest.mark.parametrize("measurement", ["../../../escaped", "/tmp/escaped", "..", "", "a.b", "accuracy\n"])
def test_a_measurement_is_a_name_and_no_path(measurement: str) -> None:
    """Its records lie in a folder of that name."""
    assert record_fault(record({}, measurement=measurement)) == "cell.measurement is no name"


def test_millions_of_readings_are_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    monkeypatch.setattr(soundness, "_is_number", lambda value: looked.append(value) or True)
    assert record_fault(replace(record({}), samples={"ap": [0.5, 1] * 1000})) == "" and len(looked) < 10
