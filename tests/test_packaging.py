"""The wheel holds the whole package and nothing generic, and the project runs from a plain checkout."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def tracked(*folders: str) -> set[str]:
    answer = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_the_top_level_is_what_it_is_meant_to_be() -> None:
    """A command or a test that was run here may have left a folder, which one commit of everything takes along."""
    found = {name.partition("/")[0] for name in tracked(".")}
    pages = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "CITATION.cff"}
    assert found - pages == {
        *("reidbench", "models", "suites", "results", "tests", "bench.py", "pyproject.toml", "docs"),
        *(".ci", ".github", ".gitignore", "MANIFEST.in"),
    }


def test_the_wheel_holds_exactly_the_package(tmp_path: Path) -> None:
    source = tmp_path / "source"
    wanted = tracked("reidbench", "models", "suites", "pyproject.toml", "README.md", "LICENSE")
    for name in wanted:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    packed = {name for name in names if ".dist-info/" not in name}
    inside = {f"reidbench/{n}" if n.startswith(("models/", "suites/")) else n for n in wanted}
    assert packed == {name for name in inside if name.startswith("reidbench/")}


def test_the_source_distribution_is_a_checkout_without_tests(tmp_path: Path) -> None:
    """What runs is whole in it, and so is what is to be read with it."""
    for name in tracked("."):
        if name.partition("/")[0] not in ("results", "docs"):
            (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "source" / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(tmp_path / "source")], check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    wanted = tracked("reidbench", "models", "suites", "bench.py", "pyproject.toml", *(f"*.{e}" for e in ("md", "cff")))
    assert {name for name in wanted if not name.startswith(("docs/", "results/", "tests/", "CONTRIBUTING"))} <= packed
    assert not any(name.startswith("tests") for name in packed)


def test_the_citation_has_what_its_format_asks_for() -> None:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(found)
    (paper,) = found["references"]
    assert {"type", "title", "authors"} <= set(paper)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (found["authors"], found["license"]) == (project["authors"], project["license"])


def test_runs_from_a_checkout_that_is_not_installed() -> None:
    code = "import reidbench.discovery.importing as r; print(r.import_file(r.folder('suites') / 'table2.py').__name__)"
    answer = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env={"PATH": ""}
    )
    assert answer.stdout.strip() == "reidbench.suites.table2"
