"""Command lines drawn from the parsers' own options, with values of every kind."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mutations import Draw
from nightly import NIGHTLY
from trying import attempt, cases, command

from reidbench import cli, machine
from reidbench.commands import calibrate, compare
from reidbench.data import synthetic
from reidbench.experiments import accuracy, dry_run
from reidbench.options import parse_options
from reidbench.reporting import writing
from reidbench.running import runner
from reidbench.spec import UserError

ODD_VALUES: tuple[str, ...] = (
    *(
        "",
        " ",
        "-",
        "--",
        "-1",
        "0",
        "1",
        "3",
        "1e999",
        "nan",
        "inf",
        "1_0",
        "\N{ARABIC-INDIC DIGIT THREE}",
        "0x10",
        "99999999999999999999",
        "1.5",
    ),
    *("x" * 300, "x" * 5000, "a\nb", "\x1b[31m", "\udcff\udcfe", "é", "../x", "/dev/null/x", "/proc/x", ".", "..", "~"),
    *(
        "None",
        "True",
        "[",
        "(" * 500,
        "[[" * 200,
        "{1: 2}",
        "a=b",
        "=",
        "a=",
        "=b",
        "a==b",
        "%s",
        "{}",
        "$(x)",
        "*",
        "\\",
    ),
    *("file", "folder", "file/x", "folder/x", "missing.pt", "file.npz", "file.py", "results", "loop", "pipe"),
)

MEANT: dict[str, tuple[str, ...]] = {
    "preset": ("quick", "tiny", "standard", "paper", "full", "fine", "quik"),
    "dataset": ("synthetic", "mars", "duke", "lsvid", "ilids", "prid", "ccvid", "mevid", "marz"),
    "name": ("synthetic", "mars", "duke", "lsvid", "ilids", "prid", "ccvid", "mevid"),
    "protocol": ("release", "euclidean", "reranked", "first_clip", "four_frames"),
    "device": ("cpu", "cuda", "cuda:0", "mps"),
    "only": ("cost", "accuracy", "costs"),
    "rows": ("1", "2", "Base-B (256x128)", "BiCnet-TKS", "99"),
    "model": ("baseline", "bicnet", "bicnet_tks", "tclnet", "two_branch"),
    "suite": ("table2", "table3", "overhead"),
    "suites": ("table2", "table3", "overhead", "figure1"),
    "format": ("md", "html", "latex", "json", "junit", "pdf"),
    "row": ("BiCnet-TKS", "Base-B (256x128)"),
    "quantity": ("accuracy.mAP", "latency.ratio", "accuracy", ".", "accuracy.map"),
    "set": ("alpha=3", "alpha=-1", "temporal='\\0'", "kernels=(3, 5)", "size=(0, 0)", "width=10**9", "size=(64, 32)"),
    "dataset_options": ("split=3", "split=11", "train_ids=2", "gait='x'", "dense=0", "root=x", "seed=1", "dense=-1"),
    "seeds": ("1", "2", "101", "1000000000", "0"),
    "seed": ("0", "1", "9223372036854775808", "-1"),
    "sessions": ("1", "0", "1000000000"),
    "machine": ("here", "HERE", "a b", "..", ".hidden"),
    "out": ("out", "out.npz", "out.pt", "file/x", "deep/er/x"),
}
"""What an option may be meant to have, by its name."""


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What would take minutes, or write gigabytes, stops just before it."""

    def stop(*_: Any, **__: Any) -> None:
        raise UserError("nothing is measured here")

    monkeypatch.setattr(runner.Runner, "run", lambda *_, **__: None)
    for module, name in (
        (compare, "measure_in_turns"),
        (calibrate, "measure"),
        (accuracy, "train_cell"),
        (dry_run, "dry_run"),
    ):
        monkeypatch.setattr(module, name, stop)
    monkeypatch.setattr(synthetic, "write_synthetic", lambda _, **given: synthetic.SyntheticOptions.of(**given))
    monkeypatch.setattr(synthetic, "_write", stop)
    monkeypatch.setattr(writing, "_draw", lambda *_, **__: [])
    # Made once: it takes longer than most of what follows.
    monkeypatch.setattr(cli, "_parser", lambda: PARSER)
    monkeypatch.setenv("REIDBENCH_MACHINE", "here")
    place = tmp_path / "in" / "here"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    Path("file").write_text("x")
    Path("file.npz").write_bytes(b"PK")
    Path("file.py").write_text("X = 1\n")
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    machine.describe()


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Every command's parser by the words that lead to it."""

    def below(parser: argparse.ArgumentParser, words: str) -> None:
        inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        for action in inner:
            for name, sub in action.choices.items():
                below(sub, f"{words} {name}".strip())
        if not inner:
            found[words] = parser

    found: dict[str, argparse.ArgumentParser] = {}
    below(cli._parser(), "")
    return found


PARSERS = parsers()
PARSER = cli._parser()
NAMES = [name for name in sorted(PARSERS) if name != "audit" or NIGHTLY]
"""The audit plans some hundred networks, which takes seconds."""


def value_of(draw: Draw, action: argparse.Action) -> str:
    meant = MEANT.get(action.dest, ())
    return draw(st.sampled_from(meant) if meant and draw(st.integers(0, 9)) < 7 else st.sampled_from(ODD_VALUES))


@st.composite
def command_line(draw: Draw) -> list[str]:
    name = draw(st.sampled_from(NAMES))
    words = name.split()
    actions = PARSERS[name]._actions
    required = [action for action in actions if action.required]
    optional = [action for action in actions if not action.required and action.dest not in ("help", "traceback")]
    for action in [*required, *draw(st.lists(st.sampled_from(optional), max_size=4))]:
        if action in required and draw(st.integers(0, 19)) == 0:
            continue
        several = draw(st.integers(0, 2)) if action.nargs in ("+", "*") else 1
        values = [value_of(draw, action) for _ in range(0 if action.nargs == 0 else several)]
        option = draw(st.sampled_from(action.option_strings)) if action.option_strings else ""
        if option and len(values) == 1 and draw(st.booleans()):
            words.append(f"{option}={values[0]}")
        else:
            words += [*([option] if option else []), *values]
    disorder = draw(st.integers(0, 14))
    if disorder == 0:
        words = draw(st.permutations(words))
    elif disorder == 1:
        words.insert(draw(st.integers(0, len(words))), draw(st.sampled_from([*ODD_VALUES, "--help", "--nonsense"])))
    elif disorder == 2:
        words = words[: draw(st.integers(0, len(words)))]
    return words


def is_verdict(words: list[str]) -> bool:
    return any(word in ("check", "compare", "data", "doctor") for word in words)


@cases(24, 700)
@given(command_line())
@example(["report", "table2", "--results", "x" * 5000])
@example(["list", "--plugin", "x" * 300])
@example(["report", "table2", "--seeds", "1000000000"])
@example(["calibrate", "--only", "accuracy", "--seeds", "60"])
@example(["history", "BiCnet-TKS", "accuracy.mAP", "--results", "/proc"])
@example(["profile", "bicnet", "--set", "alpha=" + "(" * 500])
@example(["profile", "bicnet", "--set", "alpha={[]: 1}"])
@example(["train", "bicnet", "--out", "o", "--seed", "9223372036854775808"])
@example(["table2", "--weights", "folder"])
@example(["data", "synthetic", "\udcff", "--train-ids", "2"])
@example(["complexity", "--dataset", "9"])
@example(["kernels", "--data=--"])
@example(["table2", "--preset=--"])
@example(["a\nb"])
@example(["list", "--plugin=loop"])
@example(["data", "check", "mars", "--root", "loop"])
@example(["history", "x", "accuracy.mAP", "--results", "loop"])
@example(["table2", "--rows", "\x1b[31m"])
def test_command_lines(words: list[str]) -> None:
    command("command line", words, verdict=is_verdict(words))


@cases(60, 1000)
@given(
    st.lists(st.sampled_from([f"a={value}" for value in ODD_VALUES]) | st.builds("a={}".format, st.text()), max_size=2)
)
@example(["a={[]: 1}"])
@example(["a=" + "[" * 5000])
@example(["a=b''"])
def test_options(given_options: list[str]) -> None:
    attempt("option", lambda: parse_options("--set", given_options))


def test_a_name_that_is_no_unicode_can_be_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """It was a UnicodeEncodeError on stdout, and in the file of the report."""
    outcome, printed, _ = command("command line", ["data", "synthetic", "\udcff", "--train-ids", "2"])
    assert outcome == "success" and printed == "written: \\udcff\n"


def test_what_the_system_refuses_is_one_line() -> None:
    outcome, _, said = command("command line", ["report", "table2", "--results", "x" * 5000])
    assert outcome == "refused" and said.endswith(": File name too long\n")
