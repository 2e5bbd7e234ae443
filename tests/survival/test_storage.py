"""Full disks, folders that cannot be written, copied folders and a wrong clock: one line, and nothing lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from nightly import NIGHTLY
from running import CELLS, ROWS, Calm, Place, bits, drafts, half_written
from survived import Figures

from reidbench.store import Store, read_record

KIND = "storage"
COSTS = ("--only", "cost")


def can_mount() -> bool:
    """Whether this process may mount in a namespace of its own, which nothing else sees."""
    if not sys.platform.startswith("linux") or not shutil.which("unshare"):
        return False
    command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


MOUNTS = can_mount()
mounts = pytest.mark.skipif(not MOUNTS, reason="needs the right to mount")


def in_mounts(script: str, place: Place) -> subprocess.CompletedProcess[str]:
    """Runs a shell script, where $RUN measures costs into $RESULTS, in a mount namespace of its own."""
    place.results.mkdir(parents=True)
    environment = {
        **place.surroundings(),
        "RUN": " ".join(map(str, place.command(*COSTS))),
        "RESULTS": str(place.results),
        "KEPT": str(place.folder / "kept"),
    }
    command = ["unshare", "-m", "sh", "-c", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def only_line(said: str) -> str:
    """What the user is told, which is one line."""
    (line,) = [line for line in said.splitlines() if line.startswith("bench.py: ")]
    assert "Traceback" not in said
    return line


@mounts
def test_a_full_disk_is_one_line_and_the_run_goes_on_once_there_is_space(
    calm: Calm, tmp_path: Path, figures: Figures
) -> None:
    """Two pages hold machine.json and one record."""
    with figures.trying(KIND, "full disk (a tmpfs of 8 KiB)"):
        place = Place(tmp_path)
        script = """
            mount -t tmpfs -o size=8k none "$RESULTS" || exit 99
            $RUN; echo "code $?"; cp -r "$RESULTS" "$KEPT-full"
            mount -o remount,size=10m "$RESULTS"
            $RUN; echo "code $?"; cp -r "$RESULTS" "$KEPT"
        """
        ended = in_mounts(script, place)
        assert [line for line in ended.stdout.splitlines() if line.startswith("code")] == ["code 2", "code 0"], ended
        assert "No space left on device); free some space" in only_line(ended.stderr)
        full = tmp_path / "kept-full"
        assert half_written(full) == [] and drafts(full) == []
        whole = bits(Store(tmp_path / "kept", "here"))
        assert whole == {key: calm.bits[key] for key in whole} and len(whole) == CELLS - len(ROWS)


@pytest.mark.skipif(MOUNTS and not NIGHTLY, reason="a full disk is tried instead")
def test_a_file_that_may_not_grow_is_one_line_and_leaves_no_half(calm: Calm, tmp_path: Path, figures: Figures) -> None:
    with figures.trying(KIND, "file size limit of 512 bytes"):
        place = Place(tmp_path)
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))
        said = place.finish(*COSTS, code=2, preexec_fn=limit)
        assert "cannot be written (File too large)" in only_line(said)
        assert half_written(place.results) == [] and drafts(place.results) == []
        place.finish(*COSTS)
        found = bits(place.store)
        assert found == {key: calm.bits[key] for key in found} and len(found) == CELLS - len(ROWS)


@mounts
def test_a_read_only_folder_is_one_line_and_reports_still_come_from_it(
    calm: Calm, tmp_path: Path, figures: Figures
) -> None:
    with figures.trying(KIND, "read-only results"):
        place = Place(tmp_path)
        script = """
            mount -t tmpfs none "$RESULTS" && mount -o remount,ro "$RESULTS" || exit 99
            $RUN; echo "code $?"
        """
        ended = in_mounts(script, place)
        assert "code 2" in ended.stdout
        assert "Read-only file system); choose another folder" in only_line(ended.stderr)


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path, figures: Figures) -> None:
    with figures.trying(KIND, "a file in place of the results folder"):
        place = Place(tmp_path)
        place.results.write_text("")
        assert "choose another folder" in only_line(place.call(*COSTS, code=2))


def test_a_folder_copied_from_another_machine_is_read_and_not_mixed_with(
    calm: Calm, tmp_path: Path, figures: Figures
) -> None:
    with figures.trying(KIND, "results copied from another machine"):
        place = Place(tmp_path)
        shutil.copytree(calm.place.results, place.results)
        file = place.store.folder / "machine.json"
        other = {**json.loads(file.read_text()), "cpu": "Imaginary 9000"}
        file.write_text(json.dumps(other))
        assert "describes another machine than this one" in only_line(place.call(*COSTS, code=2))
        assert bits(place.store) == calm.bits
        place.call(*COSTS, "--machine", "mine")
        assert bits(place.store) == calm.bits
        assert {path.name for path in place.results.iterdir()} == {"here", "mine"}


def test_records_from_the_future_count_and_nothing_is_lost_when_they_are_measured_again(
    calm: Calm, tmp_path: Path, figures: Figures
) -> None:
    """A clock that was set back: what is recorded began, by the clock, after what is measured now."""
    with figures.trying(KIND, "a clock set back by 70 years"):
        place = Place(tmp_path)
        shutil.copytree(calm.place.results, place.results)
        paths = sorted(place.store.folder.glob("*/*.json"))
        for path in paths:
            content = json.loads(path.read_text())
            del content["digest"]
            path.write_text(json.dumps({**content, "started": "2096-01-01T00:00:00+00:00"}))
            os.utime(path, (4e9, 4e9))
        before = [path.read_bytes() for path in paths]
        place.call("--only", "accuracy")
        assert [path.read_bytes() for path in paths] == before, "measured again what was recorded"
        place.call(*COSTS, "--fresh")
        assert all(read_record(path).started < "2096" for path in place.store.folder.glob("count/*.json"))
        kept = place.store.superseded()
        assert {record.started for record in kept} == {"2096-01-01T00:00:00+00:00"} and len(kept) == CELLS - len(ROWS)
        assert bits(place.store) == calm.bits
