"""What the machine's files say, on made-up trees of /sys and /proc."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from reidbench import machine, resources
from reidbench.doctor import host

Write = Callable[[dict[str, str]], None]
Disk = namedtuple("Disk", "total used free")
Memory = namedtuple("Memory", "total available")


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Makes files of a machine with two cores, whose /sys and /proc are otherwise empty."""
    monkeypatch.setattr(resources, "SYSTEM", tmp_path / "sys")
    monkeypatch.setattr(resources, "PROCESSES", tmp_path / "proc")
    monkeypatch.setattr(machine, "physical_cores", lambda: 2)

    def make(files: dict[str, str]) -> None:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    return make


UNIFIED = {"proc/self/cgroup": "0::/pods/mine\n", "sys/fs/cgroup/pods/mine/cpu.max": "max 100000\n"}
SPLIT = {"proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/x\n0::/y\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}


@pytest.mark.parametrize(
    ("files", "quota", "mark"),
    [
        ({}, None, "ok"),
        (UNIFIED, None, "ok"),
        ({**UNIFIED, "sys/fs/cgroup/pods/cpu.max": "150000 100000\n"}, 1.5, "wrong"),
        ({**UNIFIED, "sys/fs/cgroup/pods/mine/cpu.max": "400000 100000\n"}, 4.0, "ok"),
        ({**SPLIT, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000"}, 0.5, "wrong"),
        ({**SPLIT, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1"}, None, "ok"),
    ],
)
def test_what_a_container_leaves_of_the_cores(
    files: dict[str, str], quota: float | None, mark: str, write: Write
) -> None:
    write(files)
    found = host.cores()
    assert found.facts["quota"] == quota and found.mark == mark
    assert ("give it whole cores" in found.text) == (mark == "wrong")


def test_memory_is_that_of_the_container_where_it_has_less(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(32 * host.GIB, 16 * host.GIB))
    assert host.memory().text == "16.0 of 32.0 GiB free"
    folder = "sys/fs/cgroup/pods/mine"
    write({**UNIFIED, f"{folder}/memory.max": str(4 * host.GIB), f"{folder}/memory.current": str(3 * host.GIB)})
    found = host.memory()
    assert found.mark == "note" and found.text.startswith("1.0 of 4.0 GiB free; under 2 GiB a worker may be killed")


@pytest.mark.parametrize(
    ("free", "marks", "part"),
    [
        (50, ["ok", "ok"], "50.0 of 100.0"),
        (5, ["ok", "note"], "decoded frames"),
        (0.1, ["wrong", "wrong"], "free some"),
    ],
)
def test_disks_that_fill_up_are_told(
    free: float, marks: list[str], part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(100 * host.GIB, 0, int(free * host.GIB)))
    found = list(host.disks(tmp_path / "not" / "yet" / "there"))
    assert [finding.mark for finding in found] == marks and part in found[1].text


def test_folders_that_cannot_be_written_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    results, cache = host.disks(tmp_path)
    assert results.mark == cache.mark == "wrong"
    assert "no permission" in results.text and "set REIDBENCH_CACHE" in cache.text


def test_the_clock_rate_is_told_where_it_can_be_read(write: Write) -> None:
    assert host.clock_rate().mark == "ok" and "not readable" in host.clock_rate().text
    cpu = "sys/devices/system/cpu"
    write({f"{cpu}/cpu{n}/cpufreq/scaling_governor": "powersave\n" for n in range(2)})
    write({f"{cpu}/intel_pstate/no_turbo": "0\n"})
    found = host.clock_rate()
    assert found.mark == "note" and found.text.startswith("governor powersave, boost on; the clock follows the load")
    write({f"{cpu}/cpu{n}/cpufreq/scaling_governor": "performance\n" for n in range(2)})
    write({f"{cpu}/cpufreq/boost": "0\n"})
    assert (host.clock_rate().mark, host.clock_rate().text) == ("ok", "governor performance, boost off")


def test_heat_is_told_where_it_can_be_read(write: Write) -> None:
    assert host.heat().mark == "ok" and "no sensor" in host.heat().text
    write({"sys/class/thermal/thermal_zone0/temp": "61000\n", "sys/class/thermal/thermal_zone1/temp": "40000\n"})
    assert (host.heat().mark, host.heat().text) == ("ok", "61 °C")
    write({"sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "12\n"})
    assert host.heat().mark == "note" and "slowed down for heat 12 times" in host.heat().text


def test_this_machine_can_be_examined(tmp_path: Path) -> None:
    subjects = [finding.subject for finding in host.examine(tmp_path)]
    assert subjects == ["machine", "cores", "memory", "results disk", "cache disk", "clock rate", "heat", "environment"]
