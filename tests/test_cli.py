"""The command line: quick to start, one line for every mistake, exit code 2."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reidbench import cli, machine, registry
from reidbench.cli import _parser, main
from reidbench.commands.help_page import COMMANDS, GROUPS
from reidbench.planning.plan import Request, make_plan
from reidbench.running.runner import Runner
from reidbench.spec import Record
from reidbench.store import Store, machines
from reidbench.training.interrupts import hung_up

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tabel2"], "no command or suite is named 'tabel2'; did you mean 'table2'?"),
        (["table2", "--preset", "quik"], "no preset is named 'quik'; did you mean 'quick'?"),
        (["table2", "--pre", "quick"], "unknown argument '--pre'; did you mean '--preset'?"),
        (["table2", "--only", "costs"], "did you mean 'cost'?"),
        (["table2", "--rows", "Base-X"], "did you mean 'Base-B (256x128)'?"),
        (["table2", "--dataset", "marz"], "no dataset is named 'marz'; did you mean 'mars'?"),
        (["table2", "--dataset", "mars"], "dataset mars needs --root"),
        (["table2", "--data", "occlusion"], "--data occlusion: write it as OPTION=VALUE"),
        (["train", "bicnet", "--out", "x", "--data", "sed=1"], "no option 'sed'; did you mean 'seed'?"),
        (["table2", "--dataset", "ilids", "--root", "x", "--data", "split=11"], "dataset ilids: split is 11"),
        (
            ["table2", "--dataset", "ilids", "--root", "x", "--splits", "9-11"],
            "--splits 9-11: dataset ilids has splits",
        ),
        (["table2", "--splits", "1"], "--splits 1: dataset synthetic has no random splits; leave it out"),
        (["table2", "--preset", "paper", "--root", "/nowhere"], "/nowhere"),
        (["table2", "--protocol", "relaese"], "did you mean 'release'?"),
        (["table2", "--device", "tpu"], "--device tpu"),
        (["table2", "--seeds", "many"], "--seeds"),
        (["table2", "--machine", "../x"], "machine name"),
        (["table2", "--plugin", "/nowhere.py"], "--plugin /nowhere.py: no such file"),
        (["profile", "bicnet_tkss"], "did you mean 'bicnet_tks'?"),
        (["profile", "bicnet", "--set", "alhpa=3"], "did you mean 'alpha'?"),
        (["profile", "bicnet", "--set", "alpha"], "OPTION=VALUE"),
        (["report", "table2", "--results", "/nowhere"], "--results /nowhere: no records there"),
        (["report", "tabel2"], "no suite is named 'tabel2'; did you mean 'table2'?"),
        (["report", "table2", "--format", "htlm"], "no format is named 'htlm'; did you mean 'html'?"),
        (["report", "--results", "/nowhere"], "--results /nowhere: no records there"),
        (
            ["evaluate", "bicnet"],
            "--weights FILE: give a checkpoint of this model, as bench.py train MODEL --out DIR makes one",
        ),
        (["protocols", "bicnet"], "--weights FILE: give a checkpoint of this model"),
        (["protocols", "bicnet", "--weights", "none.pt"], "none.pt: no such file"),
        (["embed", "bicnet", "--weights", "none.pt", "--out", "x.csv"], "--out x.csv: let the name end with .npz or"),
        (["score", "none.npz"], "none.npz: no such file"),
        (["score", "none.npz", "--protocol", "relaese"], "did you mean 'release'?"),
        (["convert", "none.pt", "x.pt"], "none.pt: no such file"),
        (["convert", "none.pt", "x.onnx"], "x.onnx: let the name end with .pt or .safetensors"),
        (["data"], "ACTION"),
        (["list", "--plugin"], "--plugin"),
        (["profile", "bicnet", "--set", "alpha={1,2}"], "--set alpha={1,2}"),
        (["profile", "bicnet", "--set", "alpha=1e999"], "--set alpha=1e999"),
        (["profile", "bicnet", "--device", "foo"], "--device foo"),
        (["train", "bicnet", "--seed", "-1", "--out", "x"], "--seed -1"),
        (["--nonsense"], "COMMAND"),
        (["--json", "list"], "--json: give it after the command, list --json"),
        (["foo"], "no command or suite is named 'foo'; there are audit, "),
        (["table2", "--seeds", "0"], "--seeds 0: give 1 or more"),
        (["table2", "--rows", "99"], "--rows 99: give 1 to 8, several as 1,8 or 1-8: 1 Base-S (128x64), 2 "),
        (["table2", "--rows", "0"], "--rows 0: give 1 to 8"),
        (["table2", "--rows", "2,9"], "--rows 2,9: give 1 to 8"),
        (["table2", "--rows", "nothing like it"], "no row is named 'nothing like it'; there are 1 Base-S (128x64), 2 "),
        (["paper", "--rows", "3"], "--rows: give it with one suite"),
        (
            ["report", "--rows", "1", "2", "table2"],
            "--rows: takes all that follows it; put the suite before it: report",
        ),
        (["report", "--format", "html", "audit"], "put the suite before it: report audit --format html"),
        (["check", "--against", "x", "--rows", "1", "table2"], "--rows takes all that follows it, so put SUITE before"),
        (["score", "--protocol", "euclidean", "F.npz"], "--protocol takes all that follows it, so put FILE before it"),
        (
            ["table2", "--only", "accuracy", "--only=cost"],
            "--only accuracy and --only cost: give one, or none for both",
        ),
        (
            ["profile", "bicnet", "--set", "alpha=1", "alpha=2"],
            "unknown argument 'alpha=2'; write --set alpha=2, each with a --set of its own",
        ),
        (["evaluate", "bicnet", "--weights", ""], "--weights FILE: give a checkpoint of this model"),
        (["evaluate"], "the following arguments are required: MODEL, --weights"),
        (["export", "bicnet"], "or random, for a network to be timed"),
        (["train", "bicnet", "--out", "x", "--weights", "imagenett"], "did you mean 'imagenet'?"),
        (["list", "bicne"], "no model, dataset, suite, measurement or preset is named 'bicne'; did you mean 'bicnet'?"),
        (
            ["list", "thing"],
            "no model, dataset, suite, measurement or preset is named 'thing'; bench.py list names all",
        ),
        (["convert", "a.pt", "b.pt", "--results", "x"], "unknown argument '--results'"),
        (["score", "a.npz", "--machine", "x"], "unknown argument '--machine'"),
        (["data", "synthetic", "out", "--results", "x"], "unknown argument '--results'"),
        (["kernels", "--only", "cost"], "--only cost: suite kernels has no cost column; leave --only out"),
        (["complexity", "--only", "accuracy"], "suite complexity has no accuracy column"),
        (["profile", "bicnet", "--set", "=3"], "--set =3: write it as OPTION=VALUE"),
        (["profile", "bicnet", "--set", "alpha=x"], "model bicnet: alpha='x' must be a whole number, such as 3"),
        (["train", "bicnet", "--out", "x", "--set", "csp=3"], "model bicnet: csp=3 must be True or False"),
        (
            ["train", "bicnet", "--out", "x", "--weights", "nosuch"],
            "--weights nosuch: cannot read: No such file or directory; give a file, or imagenet or synthetic",
        ),
        (["report", "table2", "--out", "/dev/null/x"], "/dev/null/x: cannot be written (Not a directory)"),
        (["data", "synthetic", "out", "--rate", "9"], "rate=9.0 must lie between 0.25 and 4"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("bench.py: ")
    assert any(part in said for part in message.split("|")), said
    assert not list(tmp_path.rglob("*.json")), "a refused command must leave nothing behind"


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "weights.pt: no such file"), (b"junk", "weights.pt: cannot be read as a checkpoint")],
)
def test_weights_that_cannot_be_read_are_named(content: bytes | None, message: str, tmp_path: Path, capsys) -> None:
    path = tmp_path / "weights.pt"
    if content is not None:
        path.write_bytes(content)
    assert main(["evaluate", "bicnet", "--weights", str(path), "--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


NOTHING_KNOWN = """from reidbench.spec import Column, Row, Suite
SUITE = Suite("Mine", {rows}, (Column("{column}"),), {rest})
"""


@pytest.mark.parametrize(
    ("rows", "column", "rest", "message"),
    [
        ('(Row("A", "baseline"),)', "complexity.macs", "", "mine.py, line 2: TypeError: Suite() missing 1 required"),
        ("(Row(),)", "complexity.macs", '"A"', "mine.py, line 2: TypeError: Row() missing 1 required"),
        ('(Row("A", "baselin"),)', "complexity.macs", '"A"', "suite mine: row 'A': no model is named 'baselin'"),
        ('(Row("A", "baseline"),) * 2', "complexity.macs", '"A"', "suite mine: 2 rows are named 'A'"),
        ('(Row("A", "baseline"),)', "complexity.mac", '"A"', "suite mine: no quantity of complexity is named 'mac'"),
        (
            '(Row("A", "baseline"),)',
            "complexity.macs",
            '"A", figures=("acuracy",)',
            "no figure for suite mine is named 'acuracy'; did you mean 'accuracy'?",
        ),
    ],
)
def test_a_suite_that_cannot_be_run_is_told_before_anything_is_measured(
    rows: str, column: str, rest: str, message: str, tmp_path: Path, capsys
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(NOTHING_KNOWN.format(rows=rows, column=column, rest=rest))
    assert main(["mine", "--plugin", str(path), "--results", str(tmp_path / "results")]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1 and said.startswith("bench.py: ")
    assert not (tmp_path / "results").exists()


def test_list_names_everything_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "bicnet_tks" in found["models"] and {"mars", "synthetic"} <= set(found["datasets"])
    assert "table2" in found["suites"] and "complexity" in found["measurements"]
    for entries in found.values():
        for name, about in entries.items():
            assert about, f"{name} has no line about it"


@pytest.mark.parametrize("columns", [80, 120])
def test_list_wraps_to_the_terminal_under_the_names(columns: int, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert columns - 20 < max(map(len, lines)) <= columns
    further = [line for line in lines if line.startswith("   ")]
    (indent,) = {len(line) - len(line.lstrip()) for line in further}
    about = registry.models()["inception_baseline"].about
    assert next(line for line in lines if line.startswith("  inception_baseline ")).index(about[:20]) == indent
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(os, "get_terminal_size", lambda _: (_ for _ in ()).throw(OSError))
    assert main(["list"]) == 0
    assert not [line for line in capsys.readouterr().out.splitlines() if line.startswith("   ")], (
        "in a pipe, a line each"
    )


def test_help_shows_the_commands_without_torch() -> None:
    code = (
        "import sys; sys.argv = ['bench.py', '--help']; import runpy; runpy.run_path('bench.py', run_name='__main__')"
    )
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "table2" in answer.stdout and "profile" in answer.stdout
    groups = [line for line in answer.stdout.splitlines() if line.endswith(":")]
    assert groups == ["options:", *(f"{title}:" for title in GROUPS), "suites:"]
    for name in (*COMMANDS, *registry.suite_paths()):
        assert re.search(rf"^  {name} +\S", answer.stdout, re.MULTILINE), f"{name} is in no group"
    imported = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert not imported & {"torch", "pandas", "matplotlib", "scipy"}


def parsers() -> dict[str, argparse.ArgumentParser]:
    found = {}
    for action in _parser()._actions:
        for name, parser in (action.choices or {}).items():
            inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
            found |= {f"{name} {kind}": each for a in inner for kind, each in a.choices.items()} or {name: parser}
    return found


def test_every_command_is_in_a_group_of_the_help() -> None:
    assert {name.split()[0] for name in parsers()} == {*COMMANDS, *registry.suite_paths()}


def test_the_help_tells_what_is_done_without_an_option() -> None:
    """Of each that has a value and may be left out, but for those that say whom, where or what else."""
    told = {"default", "repeated", "with --", "if it needs one", "also draw", "also write"}
    for name, parser in parsers().items():
        for action in parser._actions:
            if action.option_strings and action.nargs != 0 and not action.required:
                assert any(part in str(action.help) for part in told), f"{name} {action.option_strings[0]}"


def test_what_an_option_needs_is_told_in_the_help() -> None:
    assert parsers()["evaluate"].format_usage().count("[--weights") == 0
    sections = {group.title: group for group in parsers()["trace"]._action_groups}
    options = {option for action in sections["with --train"]._group_actions for option in action.option_strings}
    assert options == {"--preset", "--protocol", "--dataset", "--root", "--data", "--subset", "--weights"}


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "COMMAND" in capsys.readouterr().out


@pytest.mark.skipif(bool(machine.describe()["gpu"]), reason="there is a GPU")
@pytest.mark.parametrize(
    "command",
    [
        ["table2"],
        ["profile", "bicnet"],
        ["train", "bicnet", "--out", "x"],
        ["check", "table2", "--against", "x"],
        ["calibrate"],
    ],
)
def test_a_missing_gpu_is_told_before_anything_runs(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--device", "cuda"]) == 2
    assert "no CUDA GPU" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(bool(machine.describe()["gpu"]), reason="there is a GPU")
def test_a_suite_of_which_nothing_can_be_measured_here_says_why(capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["gpu"]) == 2
    told = "suite gpu: nothing of it can be measured here: no CUDA GPU on this machine"
    assert capsys.readouterr().err == f"bench.py: {told}\n"
    assert not list(tmp_path.iterdir())


def test_another_machines_folder_is_not_measured_into(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "other"
    folder.mkdir(parents=True)
    (folder / "machine.json").write_text('{"cpu": "x", "cores": 64, "memory_gib": 4, "gpu": ""}')
    assert main(["table2", "--machine", "other"]) == 2
    assert "another machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list", "SUITE = 1", "cannot be named 'list'"),
        ("table2", "SUITE: int = 1", "suite 'table2' is defined in both"),
        ("mine", "from reidbench.registry import model\nW = 3\n@model()\ndef f(*, width=W): ...", "literal defaults"),
    ],
)
def test_a_plugin_that_cannot_work_is_refused(
    name: str, text: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    assert main(["list", "--plugin", str(path)]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_one_suite_is_reported_in_the_formats_asked_for(tmp_path: Path, capsys) -> None:
    """From the committed records, whatever they still answer."""
    out, results = tmp_path / "out", ROOT / "results"
    place = ["--results", str(results), "--machine", machines(results)[0], "--out", str(out)]
    assert main(["report", "table2", *place, "--only", "cost", "--format", "md", "html"]) == 0
    assert {"table2-cost.md", "table2-cost.html"} <= {path.name for path in out.iterdir()}
    said = capsys.readouterr().out
    assert "BiCnet-TKS" in said and f"written: {out / 'table2-cost.html'}" in said


def test_a_report_of_chosen_rows_holds_these_alone_and_leaves_the_whole_one(
    made_up: list[str], tmp_path: Path, capsys
) -> None:
    assert main(["report", "mine", *made_up]) == 0
    folder = tmp_path / "results" / "here"
    whole = (folder / "mine.md").read_bytes()
    assert main(["report", "mine", *made_up, "--rows", "2", "--only", "accuracy", "--format", "latex"]) == 0
    text = (folder / "mine-accuracy-part-table1.tex").read_text()
    assert "\nB &" in text and "\nA &" not in text and "MACs" not in text
    assert (folder / "mine.md").read_bytes() == whole and b"| A " in whole
    assert f"written: {folder / 'mine-accuracy-part.tex'}" in capsys.readouterr().out


def test_the_report_of_another_preset_has_a_name_of_its_own(made_up: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "results" / "here"
    for preset, name in (("quick", "mine.md"), ("tiny", "mine-tiny.md")):
        assert main(["report", "mine", *made_up, "--preset", preset]) == 0
        assert f"preset {preset}, " in (folder / name).read_text()
    assert "preset quick, " in (folder / "mine.md").read_text()
    assert main(["report", "mine", "table6", *made_up, "--preset", "tiny"]) == 0
    assert (folder / "mine-table6-tiny.md").exists()


def test_a_report_takes_a_machines_folder_as_well_as_a_results_folder(made_up: list[str], tmp_path: Path) -> None:
    assert main(["report", "mine", *made_up]) == 0
    written = tmp_path / "results" / "here" / "mine.md"
    tables = [line for line in written.read_text().splitlines() if line.startswith("|")]
    written.unlink()
    (folder,) = (tmp_path / "results").iterdir()
    plugin = made_up[made_up.index("--plugin") : made_up.index("--plugin") + 2]
    assert main(["report", "mine", *plugin, "--results", str(folder)]) == 0
    assert [line for line in written.read_text().splitlines() if line.startswith("|")] == tables


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("[enforce] can't allocate memory:\n you tried 9 TB")])
def test_running_out_of_memory_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(arguments: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr("reidbench.commands.profiling.profile", fails)
    assert main(["profile", "baseline"]) == 2
    said = capsys.readouterr().err
    assert "out of memory: try fewer clips" in said and said.count("\n") == 1
    assert main(["profile", "baseline", "--traceback"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_any_other_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(arguments: argparse.Namespace) -> int:
        raise RuntimeError("a fault")

    monkeypatch.setattr("reidbench.commands.profiling.profile", fails)
    with pytest.raises(RuntimeError, match="a fault"):
        main(["profile", "baseline"])


def test_several_suites_make_one_report_named_after_them(made_up: list[str], tmp_path: Path, capsys) -> None:
    assert main(["report", "mine", "table6", "mine", *made_up, "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert {line["suite"] for line in lines} == {"mine", "table6"}
    folder = tmp_path / "results" / "here"
    text = (folder / "mine-table6.md").read_text()
    assert "mine" in text.splitlines()[2] and "table6" in text.splitlines()[2]
    assert not (folder / "report.md").exists(), "which is of all that is measured"


MINE = """from reidbench.spec import Column, Row, Suite
SUITE = Suite(
    "Mine", (Row("A", "two_branch"), Row("B", "baseline")), (Column("complexity.macs"), Column("accuracy.mAP")), "B"
)
"""


@pytest.fixture
def made_up(tmp_path: Path) -> list[str]:
    """Options for a suite `mine` that has an accuracy of three seeds for each row."""
    plugin = tmp_path / "mine.py"
    plugin.write_text(MINE)
    registry.add_plugin(plugin)
    store = Store(tmp_path / "results", "here")
    for cell in make_plan("mine", registry.suite("mine"), Request(only="accuracy", seeds=3), store).all_cells():
        ap = [0.1 * cell.settings["seed"] + 0.05 * number for number in range(10)]
        samples = {"ap": ap, "identity": [float(number) for number in range(10)]}
        store.save(Record(cell.identity, cell.key, cell.row, "ok", {}, samples, {}, "here", {}, "2026", 1.0))
    return ["--results", str(tmp_path / "results"), "--machine", "here", "--plugin", str(plugin)]


def test_a_report_of_all_says_what_is_in_it_and_what_was_left_out(made_up: list[str], tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert main(["report", *made_up, "--only", "accuracy", "--out", str(out)]) == 0
    said = capsys.readouterr()
    mine, audit, left_out, written = said.out.splitlines()
    assert mine.split(maxsplit=1) == ["mine", "2 of 2 cells, 3 seeds"]
    assert audit.split(maxsplit=1) == ["audit", "left out: 0 of 103 networks"]
    assert left_out.startswith("Left out, because less than half of them is measured here: backends (")
    assert written == f"written: {out / 'report-accuracy.md'}"
    suites = "complexity, end_to_end, gpu, overhead, scale"
    assert said.err == f"bench.py: --only accuracy leaves out what has no such column: {suites}\n"


def test_a_report_without_a_training_says_by_what_its_rows_were_trained(
    made_up: list[str], tmp_path: Path, capsys
) -> None:
    told = "Also recorded, for reports of their own: --preset quick --dataset synthetic."
    assert main(["report", "mine", *made_up]) == 0
    assert "Also recorded" not in capsys.readouterr().out, "it is in this one"
    assert main(["report", "mine", *made_up, "--preset", "tiny"]) == 0
    assert told in " ".join(capsys.readouterr().out.split())


def test_a_report_of_all_leaves_out_what_a_dataset_has_no_options_for(made_up: list[str], capsys) -> None:
    assert main(["report", *made_up, "--dataset", "mars"]) == 2
    unopened, unknown, refused = capsys.readouterr().err.splitlines()
    assert unknown.startswith("bench.py: left out: stress: dataset mars has no option")
    assert "mine" in unopened and unopened.endswith("dataset mars needs --root: the folder that holds it")
    assert "less than half of every suite" in refused, "nothing is measured on it here"
    assert main(["report", "stress", *made_up, "--dataset", "mars"]) == 2
    assert capsys.readouterr().err.startswith("bench.py: dataset mars has no option")
    assert main(["report", *made_up, "--dataset", "nosuch"]) == 2
    said = capsys.readouterr().err
    assert "no dataset is named 'nosuch'" in said and said.count("\n") == 1


def test_a_table_of_disturbed_times_says_so_on_the_terminal(made_up: list[str], tmp_path: Path, capsys) -> None:
    store = Store(tmp_path / "results", "here")
    record = next(iter(store.records()))
    store.save(replace(record, context={"other_load": 1.5}))
    assert main(["report", "mine", *made_up]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("The machine was busy (other processes used 1.50 cores)") == 1


def test_what_a_table_joins_unequal_is_said_on_the_terminal(made_up: list[str], tmp_path: Path, capsys) -> None:
    store = Store(tmp_path / "results", "here")
    assert main(["report", "mine", *made_up]) == 0
    assert "Joined unequal" not in capsys.readouterr().out
    store.save(replace(next(iter(store.records())), versions={"torch": "2.6"}))
    assert main(["report", "mine", *made_up]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Joined unequal: accuracy: rows differ in their version of torch" in said


def test_a_report_shows_all_seeds_that_are_recorded_unless_a_number_is_asked_for(made_up: list[str], capsys) -> None:
    assert main(["report", "mine", *made_up]) == 0
    said = capsys.readouterr().out
    assert "preset quick, 3 seeds" in said
    assert "Accuracies are over 3 seeds, as recorded of most rows; --seeds 1 shows 1 seed.\nwritten: " in said
    assert main(["report", "mine", *made_up, "--seeds", "1"]) == 0
    said = capsys.readouterr().out
    assert "3 seeds" not in said and "recorded of most rows" not in said


def test_a_run_without_seeds_measures_the_presets_and_shows_what_is_recorded(
    made_up: list[str], tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Runner, "run", lambda self, plans, fresh: asked.append(plans[0].preset.seeds))
    monkeypatch.setattr(Store, "check_is_here", lambda self: None)
    assert main(["mine", *made_up, "--only", "accuracy"]) == 0
    assert asked == [1]
    assert "Accuracies are over 3 seeds" in capsys.readouterr().out
    assert "preset quick, 3 seeds" in (tmp_path / "results" / "here" / "mine.md").read_text()


def test_a_part_of_a_collection_leaves_its_reports_whole(
    made_up: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "several.py"
    path.write_text("from reidbench.spec import Collection\nSUITE = Collection('Several', ('mine', 'table6'))\n")
    monkeypatch.setattr(Runner, "run", lambda *_, **__: None)
    monkeypatch.setattr(Store, "check_is_here", lambda self: None)
    assert main(["several", *made_up, "--plugin", str(path), "--only", "accuracy"]) == 0
    folder = tmp_path / "results" / "here"
    for report in ("mine.md", "several.md"):
        text = (folder / report).read_text()
        assert "mAP (%)" in text and "MACs/frame" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "kernels", "--only", "cost"], "suite kernels has no cost column; leave --only out"),
        (["report", "complexity", "overhead", "--only", "accuracy"], "complexity and overhead has no accuracy column"),
        (["report", "table2", "--seeds", "0"], "--seeds 0: give 1 or more"),
        (["report", "table2", "mine", "--rows", "1"], "--rows: give it with one suite"),
        (
            ["report", "--preset", "full", "--only", "accuracy"],
            "holds less than half of every suite with these options; name the suites",
        ),
    ],
)
def test_a_report_that_cannot_be_made_is_refused(
    arguments: list[str], message: str, made_up: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, *made_up]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_with_standard_streams_closed_what_is_told_is_lost_and_nothing_else(closed: str) -> None:
    """It must not end in stdout, nor in a file that is opened meanwhile and would take the place of stderr."""
    program = """
import os, sys
from reidbench.cli import main
code = main(["nosuch"])
assert os.open(os.devnull, os.O_RDONLY) > 2 and not sys.stderr.isatty() and not sys.stdin.isatty()
sys.exit(code)
"""
    command = ["sh", "-c", f'"$0" -c "$1" {closed}', sys.executable, program]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (2, "", "")


def test_a_command_that_a_program_runs_leaves_its_signals_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    try:
        assert main(["list", "--json"]) == 0 and main(["nosuch"]) == 2
        assert {signal.getsignal(number) for number in numbers} == {signal.SIG_DFL}
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def test_the_screen_that_a_user_has_set_for_figures_is_not_asked_of_matplotlib() -> None:
    code = (
        "import os, sys; from reidbench.cli import main; "
        "assert main(['list']) == 0 and os.environ['MPLBACKEND'] == 'nonsense', 'within a process of others'; "
        "sys.argv = ['bench.py', 'list']; assert main() == 0; import matplotlib; print(matplotlib.get_backend())"
    )
    environment = {**os.environ, "MPLBACKEND": "nonsense"}
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.endswith("agg\n")


def test_under_nohup_a_terminal_that_is_closed_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.setattr(cli, "_run", lambda _: found.append(signal.getsignal(signal.SIGHUP)) or 0)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["list"]) == 0
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert main(["list"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert found == [signal.SIG_IGN, hung_up]
