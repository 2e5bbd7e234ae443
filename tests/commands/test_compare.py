"""Two versions of the code side by side: folders as they are, revisions measured in turns from a work tree each."""

import json
import shutil
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest

from reidbench import registry
from reidbench.cli import main
from reidbench.commands import compare
from reidbench.planning.plan import Request, make_plan
from reidbench.spec import UserError
from reidbench.store import Store, machines

ROOT = Path(__file__).resolve().parents[2]

BENCH = """import json, os, sys
from pathlib import Path
assert not {"GIT_DIR", "GIT_INDEX_FILE"} & os.environ.keys()
with Path(LOG).open("a") as log:
    log.write(json.dumps([VERSION, sys.argv[1:], os.environ["REIDBENCH_CACHE"]]) + "\\n")
sys.exit(CODE)
"""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The committed records of a machine's costs, and a copy that can be changed."""
    name = machines(ROOT / "results")[0]
    for side in ("a", "b"):
        for measurement in ("complexity", "latency", "throughput", "memory"):
            shutil.copytree(ROOT / "results" / name / measurement, tmp_path / side / name / measurement)
        shutil.copy(ROOT / "results" / name / "machine.json", tmp_path / side / name)
    return tmp_path / "a", tmp_path / "b"


def later(record: Path, day: int = 1, **values: float) -> None:
    """Makes a record one of another time, with other values."""
    content = json.loads(record.read_text())
    content.pop("digest", None)
    content["values"] |= values
    content["started"] = f"2099-01-{day:02d}T00:00:00+00:00"
    record.write_text(json.dumps(content))


def record_of(row: str, results: Path) -> Path:
    """The record of a row of Table 2, whatever the row's name was when it was measured."""
    plan = make_plan("table2", registry.suite("table2"), Request(only="cost"), Store(results, machines(results)[0]))
    keys = {cell.key for cell in plan.all_cells() if (cell.row, cell.measurement) == (row, "complexity")}
    (found,) = (path for key in keys for path in results.rglob(f"complexity/*-{key}.json"))
    return found


def test_two_folders_are_compared_as_they_are(folders: tuple[Path, Path], tmp_path: Path, capsys) -> None:
    for record in folders[1].rglob("complexity/*.json"):
        later(record)
    command = ["compare", *map(str, folders), "--only", "cost"]
    assert main(command) == 0
    assert "same" in capsys.readouterr().out
    later(record_of("BiCnet-TKS", folders[1]), 2, params=1e9)
    assert main([*command, "--format", "junit", "--out", str(tmp_path / "out")]) == 1
    assert "BiCnet-TKS" in capsys.readouterr().out
    assert 'failures="1"' in (tmp_path / "out" / "table2-compare.xml").read_text()
    assert main(["compare", str(folders[0]), str(folders[0])]) == 2
    assert "the same records on both sides" in capsys.readouterr().err
    assert main(["compare", *map(str, reversed(folders)), "--only", "cost"]) == 0
    assert "better" in capsys.readouterr().out
    shutil.rmtree(next(folders[1].glob("*/throughput")))
    assert main(["compare", *map(str, reversed(folders)), "--only", "cost"]) == 2
    said = capsys.readouterr().err
    assert "not compared in any row: Throughput, cpu fp32 (missing there: the baseline has no record of it)" in said


def test_what_is_not_there_to_compare_is_one_line(folders: tuple[Path, Path], capsys) -> None:
    assert main(["compare", *map(str, folders), "--machine", "nosuch"]) == 2
    said = capsys.readouterr().err
    assert f"holds no machine 'nosuch'; give {folders[0]}" in said and said.count("\n") == 1
    assert main(["compare", *map(str, folders), "--suite", "overhead", "--only", "accuracy"]) == 2
    said = capsys.readouterr().err
    assert "suite overhead has no accuracy column; leave --only out" in said and said.count("\n") == 1


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of two commits, `one` and `two`, whose bench.py notes how it was called, and a third that fails."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("REIDBENCH_MACHINE", "here")
    monkeypatch.setattr(compare, "ROOT", root)

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)

    git("init", "--quiet")
    for version in ("one", "two", "broken"):
        text = BENCH.replace("LOG", repr(str(tmp_path / "log"))).replace("VERSION", repr(version))
        (root / "bench.py").write_text(text.replace("CODE", "3" if version == "broken" else "0"))
        git("add", "bench.py")
        git("commit", "--quiet", "-m", version)
        git("tag", version)
    return root


def options(**changes: object) -> Namespace:
    known = {"suite": "table2", "preset": "quick", "rows": ["2", "8"], "seeds": 3, "only": "", "sessions": 3}
    known |= {"dataset": "", "protocol": "release", "device": "cpu", "root": "", "plugin": ["mine.py"]}
    known |= {"dataset_options": ["rate=2"]}
    known |= {"weights": "synthetic", "subset": False, "splits": "1-2"}
    return Namespace(**{**known, **changes})


def calls(folder: Path) -> list[tuple[str, list[str], str]]:
    return [tuple(json.loads(line)) for line in (folder / "log").read_text().splitlines()]


def test_revisions_take_turns_each_with_its_own_code_and_caches(repository: Path, tmp_path: Path) -> None:
    one, two = compare.find_revision("one"), compare.find_revision("two")
    compare.measure_in_turns(one, two, options())
    found = calls(tmp_path)
    assert [version for version, _, _ in found] == ["one", "two", "two", "one", "one", "two"]
    assert len({cache for _, _, cache in found}) == 2
    for (version, arguments, cache), revision in zip(found[:2], (one, two), strict=True):
        assert cache == str(revision.folder / "cache") and version == revision.name
        assert arguments[:3] == ["table2", "--results", str(revision.folder / "results")]
        assert arguments[arguments.index("--plugin") + 1] == str(Path("mine.py").resolve())
        assert arguments[arguments.index("--data") + 1] == "rate=2"
        assert arguments[arguments.index("--weights") + 1] == "synthetic"
        expected = ["--rows", "2", "8", "--splits", "1-2", "--seeds", "3"]
        assert arguments[-7:] == expected, "the first turn trains what is missing"
    assert all(arguments[-3:] == ["--only", "cost", "--fresh"] for _, arguments, _ in found[2:])
    trees = subprocess.run(["git", "worktree", "list"], cwd=repository, capture_output=True, text=True, check=True)
    assert trees.stdout.count("\n") == 1, "no work tree may be left behind"


def test_in_a_hook_of_gits_the_index_stays_as_it_is(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook's GIT_INDEX_FILE and GIT_DIR would have a work tree checked out into the user's own index."""
    (repository / "bench.py").write_text("staged")
    subprocess.run(["git", "add", "bench.py"], cwd=repository, check=True)
    index = (repository / ".git" / "index").read_bytes()
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / ".git" / "index"))
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    compare.measure_in_turns(*map(compare.find_revision, ("one", "two")), options(sessions=1))
    assert len(calls(tmp_path)) == 2
    assert (repository / ".git" / "index").read_bytes() == index


def test_a_plugin_is_each_revisions_own_where_they_hold_it(repository: Path, tmp_path: Path, capsys) -> None:
    trees = {"one": tmp_path / "a", "two": tmp_path / "b"}
    for tree in trees.values():
        (tree / "mine").mkdir(parents=True)
        (tree / "mine" / "net.py").touch()
    (trees["two"] / "later.py").touch()
    inside = str(repository / "mine" / "net.py")
    assert compare._plugins([inside], trees) == {name: [tree / "mine" / "net.py"] for name, tree in trees.items()}
    assert not capsys.readouterr().err
    for path in (str(repository / "uncommitted.py"), str(tmp_path / "elsewhere.py")):
        assert compare._plugins([path], trees) == {name: [Path(path)] for name in trees}
        said = capsys.readouterr().err
        assert f"{path}: is in neither revision" in said and "use check" in said
    with pytest.raises(UserError, match=r"later\.py: one does not hold it"):
        compare._plugins([str(repository / "later.py")], trees)


def test_revisions_are_refused_where_all_plugins_lie_in_another_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """For its revisions are meant, be they ones of this repository too or not."""
    mine = tmp_path / "mine"
    tree = tmp_path / "tree"
    mine.mkdir()
    for command in (["init", "--quiet", str(mine)], ["worktree", "add", "--quiet", "--detach", str(tree), "two"]):
        subprocess.run(["git", *command], cwd=repository, check=True, capture_output=True)
    for folder in (mine, tree, tmp_path):
        shutil.copy(ROOT / "docs" / "examples" / "mynet.py", folder / "net.py")
    measured = []
    monkeypatch.setattr(compare, "measure_in_turns", lambda *_: measured.append(1))
    for name in ("one", "nowhere"):
        assert main(["compare", name, "two", f"--plugin={mine / 'net.py'}"]) == 2
        said = capsys.readouterr().err
        assert f"{name} and two: are looked for in reidbench's own checkout {repository}" in said
        assert said.count("\n") == 1
        assert f"--plugin {mine / 'net.py'} lies in another repository" in said and "use check" in said
    assert not measured
    # A plugin of this repository's own, of another work tree of it, or of no repository.
    for other in (repository / "bench.py", tree / "net.py", tmp_path / "net.py"):
        compare._check_own(["one", "two"], [str(mine / "net.py"), str(other)])
    compare._check_own(["one", "two"], [])


def test_a_number_of_seeds_that_cannot_be_is_left_to_the_first_turn_to_refuse(repository: Path, tmp_path: Path) -> None:
    compare.measure_in_turns(*map(compare.find_revision, ("one", "two")), options(seeds=0))
    assert all("--seeds" in arguments and "0" in arguments for _, arguments, _ in calls(tmp_path))


def test_accuracies_alone_are_trained_once_a_revision(repository: Path, tmp_path: Path) -> None:
    compare.measure_in_turns(*map(compare.find_revision, ("one", "two")), options(only="accuracy"))
    assert [(version, arguments[-2:]) for version, arguments, _ in calls(tmp_path)] == [
        ("one", ["--only", "accuracy"]),
        ("two", ["--only", "accuracy"]),
    ]


def test_a_revision_whose_command_fails_is_named(repository: Path) -> None:
    with pytest.raises(UserError, match=r"broken: its bench.py ended with exit code 3"):
        compare.measure_in_turns(*map(compare.find_revision, ("broken", "one")), options())


def test_what_is_neither_folder_nor_revision_is_named(repository: Path, capsys) -> None:
    assert main(["compare", "one", "nowhere"]) == 2
    assert "nowhere: neither a folder nor a revision" in capsys.readouterr().err
    assert main(["compare", "two", "two"]) == 2
    assert "two and two are the same commit" in capsys.readouterr().err


def test_a_repository_that_git_takes_for_another_users_is_told_with_the_remedy(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert main(["compare", "one", "two"]) == 2
    said = capsys.readouterr().err
    assert "one: git cannot look for it: fatal: detected dubious ownership" in said and said.count("\n") == 1
    assert f"if you trust it: git config --global --add safe.directory {repository}" in said


def test_what_a_shallow_clone_may_lack_is_hinted_at(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    shallow = tmp_path / "shallow"
    command = ["git", "clone", "--quiet", "--depth=1", "--no-tags", repository.as_uri(), str(shallow)]
    subprocess.run(command, check=True, capture_output=True)
    monkeypatch.setattr(compare, "ROOT", shallow)
    assert main(["compare", "one", "HEAD"]) == 2
    assert "revision of this repository; the clone is shallow: git fetch --unshallow" in capsys.readouterr().err


def test_outside_a_repository_only_folders_can_be_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "ROOT", tmp_path)
    with pytest.raises(UserError, match="is no git repository"):
        compare.find_revision("main")
