"""The GitHub Actions workflow: valid by GitHub's schema, without secrets, and every command in it exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from reidbench.cli import _parser

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
VARIABLES = {"$BASELINE": "HEAD", "$ROWS": "1 2 8"}


def jobs(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())["jobs"]


def commands(path: Path) -> list[list[str]]:
    """The arguments of each `python bench.py` of a workflow, its variables filled in."""
    found = []
    for job in jobs(path).values():
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                if line.startswith("python bench.py "):
                    for name, value in VARIABLES.items():
                        line = line.replace(name, value)
                    found.append(shlex.split(line)[2:])
    return found


def test_there_is_a_workflow_with_tests_the_quick_suite_and_the_gate() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml"]
    assert set(jobs(WORKFLOWS[0])) == {"tests", "quick", "gate"}


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


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_command_exists_with_its_options(path: Path) -> None:
    found = commands(path)
    assert {arguments[0] for arguments in found} == {"table2", "compare"}
    for arguments in found:
        assert _parser().parse_all(arguments).command == arguments[0]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_files_it_shows_are_those_the_commands_write(path: Path) -> None:
    shown = set(re.findall(r"cat (\S+\.md)", path.read_text()))
    assert shown == {"quick/github/table2.md", "verdict/table2-compare.md"}
    uploaded = {
        step["with"]["path"] for job in jobs(path).values() for step in job["steps"] if "path" in step.get("with", {})
    }
    assert uploaded == {"quick", "verdict"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_python_is_one_that_the_project_runs_on(path: Path) -> None:
    for job in jobs(path).values():
        (version,) = [s["with"]["python-version"] for s in job["steps"] if "setup-python" in s.get("uses", "")]
        assert tuple(map(int, version.split("."))) >= (3, 11)
        assert job["timeout-minutes"] <= 120
