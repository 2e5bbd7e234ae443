"""The workflows, ours and the one to copy: valid by GitHub's schema, without secrets, and every command exists."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from reidbench import registry
from reidbench.cli import _parser

ROOT = Path(__file__).resolve().parent.parent
OWN = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXAMPLES = ROOT / "docs" / "examples"
GATE = EXAMPLES / "gate.yml"
WORKFLOWS = [*OWN, GATE]
VARIABLES = {"$BASELINE": "HEAD", "$ROWS": "1 2 8"}


def jobs(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())["jobs"]


def commands(path: Path) -> list[list[str]]:
    """The arguments of each `python bench.py` or `reidbench` of a workflow, its variables filled in."""
    found = []
    for job in jobs(path).values():
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                for name, value in VARIABLES.items():
                    line = line.replace(name, value)
                called, _, rest = line.strip().removeprefix("python ").partition(" ")
                if called in ("bench.py", "reidbench"):
                    found.append(shlex.split(rest))
    return found


def parsed(arguments: list[str]) -> Any:
    registry.add_plugin(EXAMPLES / "mysuite.py")
    return _parser().parse_all(arguments)


def test_there_is_a_workflow_with_tests_the_quick_suite_and_the_gate() -> None:
    assert [path.name for path in OWN] == ["ci.yml"]
    assert set(jobs(OWN[0])) == {"tests", "newest", "oldest", "quick", "gate"}


def test_the_oldest_and_the_newest_that_is_promised_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", "".join(project["classifiers"]))
    tested = {
        name: step["with"]["python-version"]
        for name, job in jobs(OWN[0]).items()
        for step in job["steps"]
        if "setup-python" in step.get("uses", "")
    }
    assert (f">={tested['oldest']}", tested["newest"]) == (project["requires-python"], named[-1])
    assert tested["oldest"] == named[0]
    scripts = [step.get("run", "") for step in jobs(OWN[0])["oldest"]["steps"]]
    (tests,) = [line for line in scripts if line.startswith("pytest")]
    for given in (word for word in tests.split() if word.startswith("tests/")):
        assert [*ROOT.glob(given)], given


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_it_is_valid_by_the_schema(path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_it_runs_on_a_fork(path: Path) -> None:
    text = path.read_text()
    assert "secrets." not in text and "self-hosted" not in text
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in text, "that trigger would give a fork's code the rights of this repository"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_contributor_chooses_reaches_the_shell_as_a_variable(path: Path) -> None:
    scripts = [step["run"] for job in jobs(path).values() for step in job["steps"] if "run" in step]
    assert scripts and not any("${{" in script for script in scripts)
    for script in scripts:
        assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0, script


@pytest.mark.parametrize(("path", "called"), [(OWN[0], {"table2", "compare"}), (GATE, {"mysuite", "check"})])
def test_every_command_exists_with_its_options(path: Path, called: set[str]) -> None:
    found = commands(path)
    assert {arguments[0] for arguments in found} == called
    for arguments in found:
        assert parsed(arguments).command == arguments[0]


@pytest.mark.parametrize(
    ("path", "files", "folders"),
    [
        (OWN[0], {"quick/github/table2.md", "verdict/table2-compare.md"}, {"quick", "verdict"}),
        (GATE, {"verdict/mysuite-check.md"}, {"verdict"}),
    ],
)
def test_the_files_it_shows_are_those_the_commands_write(path: Path, files: set[str], folders: set[str]) -> None:
    assert set(re.findall(r"cat (\S+\.md)", path.read_text())) == files
    uploaded = {
        step["with"]["path"] for job in jobs(path).values() for step in job["steps"] if "path" in step.get("with", {})
    }
    assert uploaded == folders


def test_the_gate_to_copy_measures_each_side_with_its_own_plugins() -> None:
    """And compares them with the seeds and sessions that it measures the base with."""
    *base, check = [parsed(arguments) for arguments in commands(GATE)]
    assert [each.results for each in base] == [check.against] * 2 and check.results != check.against
    for side, each in (("base", base[0]), ("base", base[1]), ("head", check)):
        assert each.plugin == [f"{side}/{name}" for name in ("mynet.py", "mysuite.py")]
        assert all((EXAMPLES / Path(path).name).is_file() for path in each.plugin)
    assert (base[0].seeds, base[0].only) == (check.seeds, check.only) == (3, "") and base[1].fresh
    sessions = re.search(r"for session in (.*); do", GATE.read_text())
    assert sessions and len(sessions[1].split()) + 1 == check.sessions
    assert base[0].preset == base[1].preset == check.preset


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_python_is_one_that_the_project_runs_on(path: Path) -> None:
    for job in jobs(path).values():
        (version,) = [s["with"]["python-version"] for s in job["steps"] if "setup-python" in s.get("uses", "")]
        assert tuple(map(int, version.split("."))) >= (3, 11)
        assert job["timeout-minutes"] <= 120
