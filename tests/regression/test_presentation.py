"""A comparison as text, Markdown, JUnit XML and JSON: complete, narrow, and well-formed with any name."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reidbench.regression.presentation import FORMATS, gaps, junit, terminal_text, to_json
from reidbench.regression.verdicts import MEASURED, WORDS, Comparison, Limits, Verdict, exit_code

HOSTILE = "<b>&\"'|`]]>\x00\x0b _x_ ünï"


def verdict(word: str, row: str = "Row", kind: str = "time", **more) -> Verdict:
    known = {"before": 1.0, "after": 1.2, "change": 0.2, "low": 0.1, "high": 0.3} if word in MEASURED else {}
    place = {"quantity": "latency.ratio", "title": "Latency ratio"}
    return Verdict(row=row, kind=kind, word=word, unit="x", **{**place, **known, **more})


def comparison(*verdicts: Verdict, notes: tuple[str, ...] = ()) -> Comparison:
    return Comparison("made_up", "A made-up suite", "results/a", "results/b", Limits(), verdicts, notes)


ALL = comparison(
    *(verdict(word, f"{word} row", note="" if word in ("worse", "better", "same") else "why") for word in WORDS),
    verdict("not comparable", "broken", failed=True, note="failed here: x"),
    notes=("other versions",),
)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["same", "better", "cannot tell"], 0),
        (["same", "not comparable"], 0),
        (["same", "worse", "not comparable"], 1),
        (["not comparable"], 2),
        (["unchanged"], 0),
        (["unchanged", "not comparable"], 0),
        (["unchanged", "not comparable", "same"], 0),
        ([], 2),
    ],
)
def test_exit_codes(words: list[str], code: int) -> None:
    assert exit_code([verdict(word) for word in words]) == code


MISSING = "missing there: the baseline has no record of it"


def column(title: str, *words: str, exempt: bool = False) -> list[Verdict]:
    """One column; what is not comparable in it is missing from the baseline or, as row 0 if `exempt`, by its nature."""
    return [
        verdict(
            word,
            f"row {i}",
            quantity=title.lower(),
            title=title,
            note=MISSING if word == "not comparable" else "",
            exempt=exempt and i == 0,
        )
        for i, word in enumerate(words)
    ]


@pytest.mark.parametrize(
    ("rest", "code"), [(["same"], 0), (["unchanged"], 0), (["same", "cannot tell"], 0), (["worse"], 1)]
)
def test_a_column_that_is_compared_in_no_row_is_no_all_clear(rest: list[str], code: int) -> None:
    sound, lacking = column("Parameters", *rest), code or 2
    assert exit_code(sound) == code
    assert exit_code([*sound, *column("mAP", "not comparable", "not comparable")]) == lacking
    assert exit_code([*sound, *column("Latency ratio", "not comparable", exempt=True)]) == code
    assert exit_code([*sound, *column("Latency ratio", "not comparable", "not comparable", exempt=True)]) == lacking
    assert exit_code([*sound, *column("mAP", "same", "not comparable")]) == code
    assert exit_code([*sound, *column("mAP", "unchanged", "not comparable")]) == code


def test_a_column_that_is_compared_in_no_row_is_named_everywhere() -> None:
    titles = ("mAP", "top-1", "GFLOPs", "Latency ratio")
    lacking = [column(title, "not comparable", "not comparable", exempt=title == "Latency ratio") for title in titles]
    found = comparison(*column("Parameters", "same"), *lacking[0], *lacking[3])
    assert gaps(found) == f"mAP; Latency ratio ({MISSING})"
    text = FORMATS["md"][1](found)
    assert text.startswith("# A made-up suite: mAP; Latency ratio not compared\n")
    assert f"Not compared in any row: mAP; Latency ratio ({MISSING})." in text.replace("\n", " ")
    root = ElementTree.fromstring(junit(found))
    assert [root.get(name) for name in ("tests", "errors", "skipped")] == ["5", "3", "1"]
    assert [case.get("name") for case in root.iter("testcase") if case.find("skipped") is not None] == ["row 0"]
    assert json.loads(to_json(found))["uncompared"] == ["mAP", "Latency ratio"]
    many = comparison(*column("Parameters", "worse"), *(each for part in lacking for each in part))
    assert FORMATS["md"][1](many).startswith("# A made-up suite: 1 cell worse; 4 of 5 columns not compared\n")
    assert gaps(comparison(*column("mAP", "same", "not comparable"))) == ""


def test_several_reasons_of_a_column_are_counted() -> None:
    verdicts = column("mAP", "not comparable", "not comparable")
    found = comparison(verdicts[0], replace(verdicts[1], note="another recipe"))
    assert gaps(found) == f"mAP ({MISSING}; 1 more)"


def test_a_cell_that_failed_here_is_no_success() -> None:
    failed = verdict("not comparable", failed=True)
    assert exit_code([verdict("same"), failed]) == 2
    assert exit_code([verdict("worse"), failed]) == 1


def test_the_terminal_text_fits_80_columns_and_says_everything() -> None:
    text = terminal_text(ALL)
    assert max(map(len, text.splitlines())) <= 80
    for word in ("WORSE", "better", "same", "cannot tell", "+20.0 % [+10.0, +30.0]", "1.20"):
        assert word in text
    assert "unchanged row: unchanged: why" in text and "not comparable row: not comparable: why" in text
    assert "Note: other versions." in text
    assert "Of 7 cells: 1 worse, 1 cannot tell, 1 better, 1 same, 1 unchanged, 2 not comparable." in text.replace(
        "\n", " "
    )


def test_rows_that_are_all_equal_share_a_line() -> None:
    rows = [verdict("same", f"row {i}", kind="count", change=0.0, low=None, high=None) for i in range(5)]
    text = terminal_text(comparison(*rows))
    assert "all rows: same" in text and "row 3" not in text


def test_junit_is_well_formed_and_counts() -> None:
    root = ElementTree.fromstring(junit(ALL))
    assert root.tag == "testsuites"
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "7",
        "failures": "1",
        "errors": "1",
        "skipped": "2",
    }
    for suite in root:
        assert suite.tag == "testsuite" and len(suite) == int(suite.get("tests", ""))
        for case in suite:
            assert (
                case.tag == "testcase"
                and case.get("name")
                and case.get("classname")
                and float(case.get("time", "")) >= 0
            )
            assert {child.tag for child in case} <= {"failure", "error", "skipped"} and len(case) <= 1
    (failure,) = root.iter("failure")
    assert failure.get("message", "").startswith("worse: 1.00 to 1.20 x; +20.0 % [+10.0, +30.0]")


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_names_do_not_break_a_format(name: str) -> None:
    found = comparison(verdict("worse", HOSTILE, note=HOSTILE), verdict("not comparable", HOSTILE, note=HOSTILE))
    text = FORMATS[name][1](found)
    if name == "junit":
        names = [case.get("name") for case in ElementTree.fromstring(text).iter("testcase")]
        assert names == [HOSTILE.replace("\x00", "?").replace("\x0b", "?")] * 2
    elif name == "json":
        assert json.loads(text)["verdicts"][0]["row"] == HOSTILE
    else:
        assert "<b>" not in text.replace("\\<b\\>", "")


def test_json_holds_every_verdict_and_the_counts() -> None:
    content = json.loads(to_json(ALL))
    assert len(content["verdicts"]) == 7 and content["counts"]["worse"] == 1
    assert content["limits"] == {"least": 0.05, "points": 0.03, "chance": 0.01}


def test_the_markdown_names_the_outcome_first(tmp_path: Path) -> None:
    text = FORMATS["md"][1](ALL)
    assert text.startswith("# A made-up suite: 1 cell worse; 1 cell failed\n")
    assert "**worse**" in text and "## Worse" in text and "Mann-Whitney" in text
    assert FORMATS["md"][1](comparison(verdict("same"))).startswith("# A made-up suite: no regression\n")
    assert FORMATS["md"][1](comparison(verdict("unchanged"))).startswith("# A made-up suite: nothing has changed\n")
    some = comparison(verdict("unchanged"), verdict("not comparable"))
    assert FORMATS["md"][1](some).startswith("# A made-up suite: 1 unchanged, 1 not comparable\n")
    assert FORMATS["md"][1](comparison()).startswith("# A made-up suite: nothing could be compared")
