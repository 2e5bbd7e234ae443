"""The commands that compare versions of the code: from a change in a file to the exit code, with real workers."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fine_clock import FINE_CLOCK
from in_process import bench as command_line

from reidbench import registry
from reidbench.cli import main
from reidbench.commands import gate
from reidbench.commands.gate import find_store
from reidbench.planning.plan import Request, make_plan
from reidbench.regression.judging import Circumstances
from reidbench.regression.pairing import Pair
from reidbench.scatter import Noise
from reidbench.spec import Quantity, Record, UserError
from reidbench.store import Store, machines

ROOT = Path(__file__).resolve().parents[2]

COVER = "their intervals cover"
QUIET = Noise(0.01, 0.01)

PLUGIN = '''"""Two rows whose size and pace are written in the code."""
import random
CLOCK
from reidbench.registry import measurement, model
from reidbench.spec import Column, Outcome, Quantity, Row, Suite

@model()
def toy(*, classes=0, slim=False):
    """A number of parameters and a pace."""
    if BROKEN and slim:
        raise ValueError("does not fit")
    return (SIZE, PACE) if slim else (20, 1.0)

@measurement(quantities={"size": Quantity("size", "", "lower", 0)}, mode="batch", needs=())
def toysize(cells, progress):
    """Counted."""
    from reidbench.registry import build
    for cell in cells:
        yield cell, Outcome({"size": float(build(cell.model, **cell.options)[0])})

@measurement(quantities={"ratio": Quantity("pace", "x", "lower", 2, statistic="ratio", sample="seconds",
             over="reference")}, mode="interleaved", needs=("device", "reference"))
def toypace(cells, progress):
    """Timed, with noise."""
    from reidbench.registry import build
    draw = random.Random(f"{SIZE} {PACE} {NOISE}")
    for cell in cells:
        pace = build(cell.model, **cell.options)[1]
        seconds = [pace * draw.lognormvariate(0, NOISE) for _ in range(15)]
        yield cell, Outcome(samples={"seconds": seconds, "reference": [1.0] * 15})

@measurement(quantities={"rate": Quantity("rate", "1/s", "higher", 2, statistic="median", sample="rates")},
             mode="interleaved", needs=("device",))
def toyrate(cells, progress):
    """Timed, the reference row's readings being in a record of their own."""
    from reidbench.registry import build
    draw = random.Random(f"{SIZE} {PACE} {NOISE}")
    for cell in cells:
        pace = build(cell.model, **cell.options)[1]
        yield cell, Outcome(samples={"rates": [draw.lognormvariate(0, NOISE) / pace for _ in range(15)]})

@measurement(quantities={"peak": Quantity("memory", "B", "lower", 0)}, mode="alone", needs=("device",))
def toymemory(cells, progress):
    """Read; of the code of another size, the first reading is disturbed."""
    from pathlib import Path
    from reidbench.registry import build
    for cell in cells:
        size = build(cell.model, **cell.options)[0]
        seen = Path(__file__).with_name(f"seen-{size}")
        yield cell, Outcome({"peak": float(size if size in (10, 20) or seen.exists() else 2 * size)})
        seen.touch()

rows = (Row("whole", "toy"), Row("slim", "toy", {"slim": True}), *CALM)
SUITE = Suite("Toys", rows, tuple(map(Column, COLUMNS)), "whole", figures=())
'''


CALM = '''"""A row whose code never changes."""
from reidbench.registry import model

@model()
def calm(*, classes=0):
    """A number of parameters and a pace."""
    return 20, 1.0
'''


class Bench:
    """`bench.py` on the toy suite, whose code can be changed between two commands; `calm` adds a row that does not."""

    def __init__(self, folder: Path, *columns: str, calm: bool = False) -> None:
        self.folder = folder
        self.columns = columns
        self.calm = calm
        (folder / "calm.py").write_text(CALM)

    def write(self, *, size: int = 10, pace: float = 0.5, noise: float = 0.01, broken: bool = False) -> None:
        values = {"SIZE": size, "PACE": pace, "NOISE": noise, "BROKEN": broken, "COLUMNS": self.columns}
        text = PLUGIN.replace("CLOCK", FINE_CLOCK).replace("*CALM", 'Row("calm", "calm")' if self.calm else "")
        for name, value in values.items():
            text = text.replace(name, repr(value))
        (self.folder / "toys.py").write_text(text)

    def run(self, *arguments: str, results: str = "new") -> tuple[int, str, str]:
        plugins = [part for name in ("toys", "calm") for part in ("--plugin", str(self.folder / f"{name}.py"))]
        environment = {"REIDBENCH_CACHE": str(self.folder / "cache"), "REIDBENCH_MACHINE": "here"}
        place = ("--results", str(self.folder / results))
        return command_line(*arguments, *plugins, *place, environment=environment)

    def check(self, *arguments: str, results: str = "new") -> tuple[int, str, str]:
        """`check`, with two sessions at most where none are asked for, against eight that a user has."""
        return self.run(
            "check", "toys", "--against", str(self.folder / "old"), "--sessions", "2", *arguments, results=results
        )


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """What `bench` is a copy of, measured once."""
    return baseline(Bench(tmp_path_factory.mktemp("unchanged"), "toysize.size", "toypace.ratio"))


@pytest.fixture
def bench(unchanged: Bench, tmp_path: Path) -> Bench:
    """With the records of the unchanged code as the baseline `old`."""
    shutil.copytree(unchanged.folder, tmp_path, dirs_exist_ok=True)
    return Bench(tmp_path, *unchanged.columns)


def baseline(found: Bench) -> Bench:
    found.write()
    code, _, said = found.run("toys", results="old")
    assert code == 0, said
    return found


def test_a_change_for_the_worse_is_exit_code_1_and_in_every_file(bench: Bench, tmp_path: Path) -> None:
    bench.write(size=11, pace=0.6)
    code, text, said = bench.check("--format", "md", "junit", "json", "--out", str(tmp_path / "out"))
    assert code == 1, said
    assert text.count("WORSE") == 2 and "+10.0 %" in text and "Of 4 cells: 2 worse" in text
    assert max(len(line) for line in text.splitlines() if str(tmp_path) not in line) <= 80
    root = ElementTree.parse(tmp_path / "out" / "toys-check.xml").getroot()
    assert root.get("failures") == "2"
    verdicts = json.loads((tmp_path / "out" / "toys-check.json").read_text())["verdicts"]
    assert {v["quantity"]: v["word"] for v in verdicts if v["row"] == "slim"} == {
        "toysize.size": "worse",
        "toypace.ratio": "worse",
    }
    assert (tmp_path / "out" / "toys-check.md").read_text().startswith("# Toys: 2 cells worse")


def test_no_change_is_exit_code_0_and_measures_only_what_is_missing(bench: Bench) -> None:
    code, text, said = bench.check("--json")
    assert code == 0, said
    words = {(v["row"], v["quantity"]): v["word"] for v in json.loads(text)["verdicts"]}
    assert words["slim", "toysize.size"] == words["slim", "toypace.ratio"] == "same"
    before = {path: path.stat().st_mtime_ns for path in (bench.folder / "new").rglob("*-*.json")}
    assert bench.check()[0] == 0 and before
    assert {path: path.stat().st_mtime_ns for path in (bench.folder / "new").rglob("*-*.json")} == before


def test_intervals_cover_what_was_calibrated_on_their_own_device(tmp_path: Path) -> None:
    quantity = Quantity("ratio", "x", "lower", 2)
    pairs = []
    for device in ("cpu", "cuda"):
        record = Record({"settings": {"device": device}}, "key", "slim", "ok", {}, {}, {}, "here", {}, "now", 1.0)
        pairs.append(Pair("slim", "latency.ratio", "ratio", quantity, "time", here=(record,), there=(record,)))
    store = Store(tmp_path, "box")
    cuda = f"times on cuda are not calibrated in {store.folder} (bench.py calibrate --device cuda): {COVER} rounds only"
    for introduced in (False, True):
        if introduced:
            store.introduce_machine()
        assert gate._notes(pairs, Circumstances(noise={"cpu": QUIET}), store.folder, {"cpu"}) == [cuda]
    known = Circumstances(noise={"cpu": QUIET, "cuda": QUIET})
    assert gate._notes(pairs, known, store.folder, {"cpu", "cuda"}) == []
    (note,) = gate._notes(pairs, known, store.folder, {"cpu"})
    assert note.endswith(f"{COVER} the scatter between the few sessions compared")
    (store.folder / "machine.json").write_text(json.dumps({**store.machine(), "cpu": "another"}))
    (note,) = gate._notes(pairs, Circumstances(noise={"cpu": QUIET}), store.folder, {"cpu"})
    assert note == f"times on cuda are not calibrated in {store.folder}: {COVER} rounds only"


def test_what_cannot_be_told_is_measured_again_up_to_the_sessions_asked_for(bench: Bench) -> None:
    bench.write(pace=0.5, noise=0.5)
    code, text, _ = bench.check("--sessions", "3")
    assert code == 0 and "cannot tell" in text and "3 here, 1 there" in " ".join(text.split())
    superseded = list((bench.folder / "new").rglob("toypace/superseded/slim-*.json"))
    assert len(superseded) == 2
    assert not list((bench.folder / "new").rglob("toysize/superseded/*"))


def test_a_rate_is_measured_again_together_with_the_reference_row(tmp_path: Path) -> None:
    bench = baseline(Bench(tmp_path, "toyrate.rate"))
    bench.write(pace=0.6)
    code, text, said = bench.check("--sessions", "1")
    assert code == 1 and "WORSE" in text, text + said
    (slim,) = (tmp_path / "new" / "here" / "toyrate").glob("slim-*.json")
    slim.unlink()
    code, text, said = bench.check("--sessions", "1")
    assert code == 1 and "lacks the reference row" not in text, text + said
    assert len(list(tmp_path.rglob("new/here/toyrate/superseded/whole-*.json"))) == 1


@pytest.mark.parametrize(("size", "code", "word", "readings"), [(9, 0, "same", 2), (30, 1, "worse", 3)])
def test_a_reading_that_changed_is_read_again_and_the_smallest_counts(
    tmp_path: Path, size: int, code: int, word: str, readings: int
) -> None:
    """At first both look worse than the baseline's 10."""
    bench = baseline(Bench(tmp_path, "toymemory.peak"))
    bench.write(size=size)
    found, text, said = bench.check("--json", "--least", "6", "--sessions", "4")
    (slim,) = [verdict for verdict in json.loads(text)["verdicts"] if verdict["row"] == "slim"]
    assert (found, slim["word"], slim["after"]) == (code, word, size), text + said
    assert slim["note"] == f"the smallest of {readings} readings (there 1)"
    assert not list((tmp_path / "new").rglob("toymemory/superseded/whole-*")), "nothing has to be read beside it"
    found, text, _ = bench.check("--recorded", "--json")
    assert found == code and f"the smallest of {readings} readings" in text


@pytest.mark.parametrize("column", ["toypace.ratio", "toyrate.rate"])
def test_what_changed_is_measured_with_what_did_not_and_divided_by_it(column: str, tmp_path: Path) -> None:
    """In the folder of the baseline itself, which has the unchanged row's record already."""
    bench = baseline(Bench(tmp_path, column, calm=True))
    bench.write(pace=0.6)
    code, text, said = bench.check("--json", results="old")
    assert code == 1, said
    found = json.loads(text)
    (slim,) = [verdict for verdict in found["verdicts"] if verdict["row"] == "slim"]
    assert slim["word"] == "worse" and slim["divisors"] == ["calm"], "the reference row's code lies in the same file"
    assert len(list(tmp_path.glob("old/here/*/superseded/calm-*.json"))) >= 1
    (whole,) = [verdict for verdict in found["verdicts"] if verdict["row"] == "whole"]
    assert whole["word"] == "same"


def test_a_row_that_fails_here_is_exit_code_2(bench: Bench) -> None:
    bench.write(broken=True)
    code, text, said = bench.check()
    assert code == 2 and "does not fit" in text and "does not fit" in said


def test_recorded_measures_nothing_and_calls_stale_what_is(bench: Bench) -> None:
    assert bench.check()[0] == 0
    bench.write(size=11)
    code, text, _ = bench.check("--recorded")
    assert code == 2 and text.count("stale here") == 2 and "0 same" not in text


def test_a_column_that_the_baseline_lacks_is_no_all_clear(bench: Bench, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "old" / "here" / "toysize")
    code, _, said = bench.check("--format", "md", "junit", "--out", str(tmp_path / "out"))
    why = "not compared in any row: size (missing there: the baseline has no record of it)"
    assert code == 2 and said.endswith(f"bench.py: check: {why}\n")
    text = (tmp_path / "out" / "toys-check.md").read_text()
    assert text.startswith("# Toys: size not compared\n")
    root = ElementTree.parse(tmp_path / "out" / "toys-check.xml").getroot()
    assert [root.get(name) for name in ("failures", "errors", "skipped")] == ["0", "2", "1"]
    bench.write(pace=0.6)
    code, _, said = bench.check()
    assert code == 1 and why in said


def test_the_records_of_the_code_before_can_be_the_baseline_in_the_same_folder(bench: Bench) -> None:
    bench.write(size=9)
    code, text, said = bench.check(results="old")
    assert code == 0, said
    assert "better" in text


@pytest.mark.parametrize("options", [(), ("--recorded",)])
def test_unchanged_code_is_compared_with_nothing_and_fails_nothing(bench: Bench, options: tuple[str, ...]) -> None:
    """Be the baseline the folder itself or a copy of it."""
    shutil.copytree(bench.folder / "old", bench.folder / "copy")
    for results, what in (("old", "code"), ("copy", "record")):
        code, text, said = bench.check(*options, results=results)
        assert code == 0 and f"all rows: unchanged: one and the same {what} on both sides" in " ".join(text.split())
        assert "4 unchanged." in text and not said
        assert not list((bench.folder / results).rglob("superseded"))


def test_records_of_another_version_of_torch_are_told_by_what_measures(bench: Bench) -> None:
    """And not by `report`, whose records may be another machine's, nor of what was measured just now."""
    assert not bench.run("toys", results="old")[2]
    shutil.copytree(bench.folder / "old", bench.folder / "new")
    for record in (bench.folder / "new").rglob("toy*/*.json"):
        content = json.loads(record.read_text())
        del content["digest"]
        content["versions"]["torch"] = "2.0.0"
        record.write_text(json.dumps(content))
    told = "measured with torch 2.0.0 ("
    code, _, said = bench.run("toys")
    assert code == 0 and said.startswith(f"bench.py: {told}") and said.endswith("installed): --fresh measures again\n")
    code, text, _ = bench.check()
    assert code == 0 and told in text and "again with --fresh, and trains nothing" in " ".join(text.split())
    assert told not in bench.check("--recorded")[1]
    assert bench.run("report", "toys")[2] == ""
    assert told not in bench.run("toys", "--fresh")[2] and not bench.run("toys")[2]


def test_a_baseline_without_a_record_of_the_suite_is_no_baseline_of_its_own(bench: Bench) -> None:
    for file in (bench.folder / "old").rglob("toy*/*.json"):
        file.unlink()
    code, text, said = bench.check(results="old")
    assert code == 2 and not text
    assert "old/here: nothing of what is to be compared is recorded there" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--least", "0"], "--least 0: give a number above 0"),
        (["--points", "100"], "--points 100"),
        (["--sessions", "0"], "--sessions 0: give 1 or more"),
        (["--format", "jnuit"], "did you mean 'junit'?"),
        ([], "no records there"),
    ],
)
def test_a_wrong_option_is_one_line(options: list[str], message: str, tmp_path: Path, capsys) -> None:
    assert main(["check", "table2", "--against", str(tmp_path), *options]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_a_suite_without_a_column_of_the_kind_is_one_line(capsys) -> None:
    results = ROOT / "results"
    baseline = str(results / machines(results)[0])
    assert main(["check", "overhead", "--only", "accuracy", "--against", baseline, "--results", str(results)]) == 2
    said = capsys.readouterr().err
    assert "suite overhead has no accuracy column; leave --only out" in said and said.count("\n") == 1


def test_the_baseline_is_a_machines_folder_or_a_results_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--against .*: no records there"):
        find_store(str(tmp_path), "--against")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "machine.json").write_text("{}")
        if name == "one":
            assert find_store(str(tmp_path), "--against").name == "one"
            with pytest.raises(UserError, match=r"holds no machine 'other'; give --against .*/one$"):
                find_store(str(tmp_path), "--against", "other")
            with pytest.raises(UserError, match=r"^A .*: holds no machine 'other'; give /.*/one$"):
                find_store(str(tmp_path), "A", "other")
            with pytest.raises(UserError, match=r"--results .*: holds no machine 'other'; there is one$"):
                find_store(str(tmp_path), "--results", "other")
    with pytest.raises(UserError, match=r"several machines, and not this one; give the folder of one: .*one, .*two"):
        find_store(str(tmp_path), "--against")
    with pytest.raises(UserError, match=r"holds no machine 'other'; give the folder of one: .*one, .*two$"):
        find_store(str(tmp_path), "--against", "other")
    assert find_store(str(tmp_path), "--against", "two").name == "two"
    assert find_store(str(tmp_path / "one"), "--against").folder == tmp_path / "one"


def test_one_folder_that_is_both_sides_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(Store, "records", lambda store, *_: read.append(store.name) or [])
    one, other = Store(tmp_path, "one"), Store(tmp_path, "other")
    plans = {"table3": make_plan("table3", registry.suite("table3"), Request(), one)}
    gate.sides_of(plans, one, Store(tmp_path, "one"))
    assert read == ["one"]
    gate.sides_of(plans, one, other)
    assert read == ["one", "one", "other"]
