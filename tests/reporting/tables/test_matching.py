"""What may stand side by side in a column, and what is said where it may not."""

from dataclasses import replace

import pytest
from made_up import COLUMNS, ROWS

from reidbench.reporting.tables import matching
from reidbench.spec import Column, Published

LATENCY = COLUMNS[5]
DRIFT = "measured in 2 sessions, between which a machine drifts"


def records(bench, column=LATENCY):
    return [bench.save(bench.cell(row, column), peers=[each.name for each in ROWS]) for row in ROWS]


def told(measurement, found):
    return list(matching.mixtures(measurement, [(record.row, record) for record in found]))


@pytest.mark.parametrize("other", [{"started": "2026-01-02T00:00:00"}, {"context": {"peers": ["Base", "Full"]}}])
@pytest.mark.parametrize(
    ("measurement", "sentences"),
    [
        ("latency", [f"latency: {DRIFT}; compare the rows by their ratio"]),
        ("throughput", [f"throughput: {DRIFT}"]),
        ("complexity", []),
    ],
)
def test_rows_of_two_sessions_are_told_where_rows_take_turns(bench, measurement, sentences, other):
    first, *rest = records(bench)
    assert told(measurement, [first, *rest]) == []
    assert told(measurement, [replace(first, **other), *rest]) == sentences


def test_a_session_that_names_no_rows_is_known_by_its_beginning(bench):
    found = [replace(record, context={}) for record in records(bench)]
    later = [replace(record, started="2026-01-02T00:00:00") for record in found]
    assert [matching.sessions("latency", each) for each in (found, [*found, *later], [])] == [1, 2, 0]


def test_rows_differ_in_their_training_but_not_in_how_long_their_clips_are(bench):
    first, second = records(bench, COLUMNS[0])[:2]

    def changed(**recipe):
        settings = second.cell["settings"]
        return replace(
            second, cell={**second.cell, "settings": {**settings, "recipe": {**settings["recipe"], **recipe}}}
        )

    assert told("accuracy", [first, changed(frames=4)]) == []
    assert told("accuracy", [first, changed(frames=4, lr=7.0)]) == [
        "accuracy: rows differ in their recipe: Base from Small"
    ]


def test_published_times_are_another_machines_and_published_counts_no_machines():
    published, settings = Published({"params": "1", "latency": "2"}), [{"shape": [1, 8, 3, 256, 128]}]
    told = [matching._incomparable(published, Column(name), settings) for name in ("latency.x", "complexity.x")]
    assert told == ["another machine", ""]


def test_two_gpus_in_a_column_are_told_and_a_cpu_beside_one_is_another_device(bench):
    on_cpu, *others = records(bench)
    one, other = (
        replace(r, context={**r.context, "gpu": gpu}) for r, gpu in zip(others, ("H100", "H200"), strict=True)
    )
    assert told("latency", [one, other]) == ["latency: rows differ in their GPU: Full from Base"]
    assert told("latency", [on_cpu, one]) == []


def test_variables_that_change_a_number_and_that_only_some_rows_had_are_told(bench):
    first, second, _ = records(bench)
    second = replace(second, versions={**second.versions, "LD_PRELOAD": "libjemalloc.so"})
    assert told("latency", [first, second]) == ["latency: rows differ in their environment: Base from Small"]


@pytest.mark.parametrize(("text", "number"), [("80.7", 80.7), ("", None), ("-", None), ("80.7*", None)])
def test_only_a_printed_number_is_a_number(text: str, number: float | None) -> None:
    assert matching.as_number(text) == number
