"""Commands that torchrun starts in two processes, from the shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import launching
import pytest
import torch

from reidbench import registry
from reidbench.cli import main
from reidbench.planning.plan import Request, accuracy_cell
from reidbench.store import Store
from reidbench.training.checkpoint import save_model

BENCH = launching.ROOT / "bench.py"


pytestmark = pytest.mark.usefixtures("own_cache")


FEWER_STEPS = f"""
import runpy, sys
sys.path.insert(0, {str(launching.ROOT)!r})
from reidbench.experiments import dry_run
dry_run.ENOUGH, dry_run.WARMUP, dry_run.STEPS = 0.0, 0, 1
runpy.run_path({str(BENCH)!r}, run_name="__main__")
"""
"""bench.py, which times steps for as short as it may."""


def torchrun(script: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    everything = [*command, str(script), *map(str, arguments)]
    return subprocess.run(everything, capture_output=True, text=True, check=False, cwd=launching.ROOT, timeout=120)


def test_torchrun_starts_a_dry_run_of_both(few_walkers: Path, tmp_path: Path) -> None:
    script = tmp_path / "bench.py"
    script.write_text(FEWER_STEPS)
    out = tmp_path / "out"
    ended = torchrun(
        script, "train", "baseline", "--root", few_walkers, "--out", out, "--dry-run", "--sync-bn", "--json"
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["processes"] == 2 and found["steps"] == 600 and not out.exists()


def test_two_processes_evaluate_as_one(few_walkers: Path, tmp_path: Path) -> None:
    cell = accuracy_cell("two_branch", {}, Request(root=str(few_walkers)), 0, Store(tmp_path / "results", "here"))
    torch.manual_seed(0)
    save_model(
        tmp_path / "model.pt",
        registry.build(cell.model, **cell.options),
        name=cell.model,
        options=cell.identity["options"],
    )
    given = [
        "two_branch",
        "--dataset",
        "synthetic",
        "--root",
        str(few_walkers),
        "--weights",
        str(tmp_path / "model.pt"),
    ]
    runs = []
    for name in ("joint", "alone"):
        command = ["evaluate", *given, "--results", str(tmp_path / name)]
        if name == "joint":
            launching.together(BENCH, *command)
        else:
            assert main(command) == 0
        (record,) = (tmp_path / name).glob("*/evaluation/*.json")
        runs.append(json.loads(record.read_text())["samples"]["ap"])
    assert len(runs[0]) == 16 and len(set(runs[0])) > 4
    assert runs[0] == pytest.approx(runs[1], abs=1e-6)


@pytest.mark.parametrize("command", [["list"], ["table2"], ["data", "synthetic", "out"]])
def test_other_commands_are_refused_there(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert main(command) == 2
    refusal = f"bench.py: {command[0]}: runs in one process, and torchrun started 2; start it with python\n"
    assert capsys.readouterr() == ("", refusal)
