"""What is shown can be read at 80 columns, without colours, in a pipe and by a program."""

from __future__ import annotations

import io

from rich.console import Console

from reidbench.doctor.findings import Finding
from reidbench.doctor.presentation import plain_lines, rendered, to_json, verdict

LONG = " ".join(["a word and another that goes on"] * 8)
SECTIONS = {
    "installation": [Finding("Python", "3.12"), Finding("torch-tb-profiler", LONG, "note", {"version": ""})],
    "records of a-machine-with-a-long-name-407a": [
        Finding("damaged", f"complexity/{'x' * 90}.json: damaged\nmend it", "wrong", {"files": [{"path": "x"}]})
    ],
}


def shown(width: int) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, force_terminal=True, color_system=None).print(*rendered(SECTIONS), sep="\n")
    return stream.getvalue()


def test_it_fits_80_columns_and_loses_nothing() -> None:
    text = shown(80)
    assert max(map(len, text.splitlines())) <= 80
    squeezed = "".join(text.split())
    for findings in SECTIONS.values():
        for finding in findings:
            assert finding.mark in text and finding.subject in text and "".join(finding.text.split()) in squeezed


def test_marks_and_texts_stand_under_each_other() -> None:
    lines = [line for line in shown(80).splitlines() if line.startswith(("ok", "note", "wrong"))]
    assert [line[:24].split() for line in lines] == [
        ["ok", "Python"],
        ["note", "torch-tb-profiler"],
        ["wrong", "damaged"],
    ]
    assert len({len(line[:25]) - len(line[:25].rstrip()) > 0 and line[25] != " " for line in lines}) == 1


def test_a_pipe_gets_a_line_each() -> None:
    *lines, last = plain_lines(SECTIONS)
    assert len(lines) == 3 and lines[0] == "ok: installation: Python: 3.12"
    assert lines[2].startswith("wrong: records of a-machine") and lines[2].endswith("damaged; mend it")
    assert last == verdict(SECTIONS)


def test_the_verdict_names_what_is_to_be_mended() -> None:
    assert verdict(SECTIONS) == "1 to mend: damaged (records of a-machine-with-a-long-name-407a); 1 note"
    assert verdict({"installation": SECTIONS["installation"]}) == "sound: 1 ok, 1 note"


def test_a_program_gets_everything() -> None:
    found = to_json(SECTIONS)
    assert found["sound"] is False
    assert found["sections"]["installation"][1] == {
        "subject": "torch-tb-profiler",
        "text": LONG,
        "mark": "note",
        "facts": {"version": ""},
    }
