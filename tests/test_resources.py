"""Limits of containers on made-up trees, and errors that mean that memory ran out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch

from reidbench import resources
from reidbench.resources import is_out_of_memory, memory

GIB = 2**30


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/slurm/job_1\n", {"slurm/job_1/memory.max": f"{GIB}\n"}, GIB),
        ("0::/slurm/job_1\n", {"slurm/job_1/memory.max": "max\n", "slurm/memory.max": f"{GIB}\n"}, GIB),
        ("0::/of/the/host\n", {"memory.max": f"{GIB}\n"}, GIB),
        ("4:memory:/x\n0::/y\n", {"memory/x/memory.limit_in_bytes": f"{GIB}\n", "y/memory.max": "max\n"}, GIB),
        ("0::/\n", {"memory.max": "max\n"}, None),
        ("", {}, None),
    ],
)
def test_memory_is_what_the_least_of_all_groups_allows(
    groups: str, files: dict[str, str], limit: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "SYSTEM", tmp_path / "sys")
    monkeypatch.setattr(resources, "PROCESSES", tmp_path / "proc")
    for name, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{n}": t for n, t in files.items()}}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    here = psutil.virtual_memory()
    assert memory().total == (limit or here.total)
    assert memory().free == pytest.approx(min(limit or here.available, here.available), rel=0.1)


def test_running_out_of_memory_is_told_from_other_failures() -> None:
    for ran_out in (MemoryError(), RuntimeError("[enforce] can't allocate memory: 9 TB"), torch.OutOfMemoryError("!")):
        assert is_out_of_memory(ran_out)
    for other in (RuntimeError("shape mismatch"), ValueError("out of memory")):
        assert not is_out_of_memory(other)


@pytest.mark.parametrize(("available", "used", "free"), [(12, 5, 4), (2, 5, 2), (12, 10, 0)])
def test_what_is_free_is_what_is_left_of_what_is_allowed(
    available: int, used: int, free: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "control_groups", lambda _: [tmp_path])
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=16 * GIB, available=available * GIB))
    (tmp_path / "memory.max").write_text(f"{8 * GIB}\n")
    (tmp_path / "memory.current").write_text(f"{used * GIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 7\ninactive_file {GIB}\n")  # what it holds of files, and can let go
    assert memory() == (8 * GIB, free * GIB)
