"""Every kind of damage to a folder of records is seen, named, and told from what is only old or odd."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kept import new_store, record, write

from reidbench import machine
from reidbench.doctor.integrity import STILL_WRITTEN, Fault, survey
from reidbench.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def only(store: Store) -> Fault:
    (fault,) = survey(store).faults
    return fault


def test_a_sound_folder_has_no_faults(store: Store) -> None:
    found = survey(store)
    assert not found.faults and not found.remarks
    assert len(found.current) == 3 and len(found.superseded) == 1
    assert all(kept.sealed for kept in (*found.current, *found.superseded))


def test_records_older_than_digests_are_counted_and_no_fault(store: Store) -> None:
    write(store.path(record(day=2)), record(day=2))
    found = survey(store)
    assert not found.faults and [kept.sealed for kept in found.current].count(False) == 1


def test_a_flipped_digit_in_a_sample_is_damage(store: Store) -> None:
    path = store.path(record())
    path.write_text(path.read_text().replace("0.25", "0.26"))
    assert only(store).kind == "damaged" and only(store).path == path


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_damage(store: Store, share: float) -> None:
    path = store.path(record())
    text = path.read_text()
    path.write_text(text[: int(share * len(text))])
    fault = only(store)
    assert fault.kind == "damaged" and fault.target is not None
    assert fault.target.parent == path.parent / "damaged" and fault.target.suffix != ".json"


def test_a_key_must_follow_from_what_was_measured(store: Store) -> None:
    path = store.path(record())
    write(path, replace(record(), cell={**record().cell, "source": "another"}))
    fault = only(store)
    assert fault.kind == "damaged" and "key" in fault.what


def test_a_file_under_another_records_name_belongs_elsewhere(store: Store) -> None:
    path = store.path(record())
    other = path.rename(path.with_name("base-b (1).json"))
    fault = only(store)
    assert (fault.kind, fault.path, fault.target) == ("misnamed", other, path)


def test_a_record_in_another_measurements_folder_belongs_elsewhere(store: Store) -> None:
    path = store.path(record())
    (store.folder / "latency").mkdir()
    path.rename(store.folder / "latency" / path.name)
    fault = only(store)
    assert fault.kind == "misnamed" and fault.target == path
    assert fault.what == f"what it holds belongs to complexity/{path.name}"


def test_a_misnamed_superseded_record_is_seen(store: Store) -> None:
    path = store.superseded_path(record())
    path.rename(path.with_name("old.json"))
    fault = only(store)
    assert fault.kind == "misnamed" and fault.target == path


def test_an_older_success_beside_the_last_one_should_have_been_superseded(store: Store) -> None:
    older = write(store.path(record("Base-B at first")), record("Base-B at first", day=1, value=9.0))
    store.superseded_path(record()).unlink()
    fault = only(store)
    assert fault.kind == "unfinished" and fault.path == older
    assert fault.target == store.superseded_path(record("Base-B at first"))


def test_a_failed_attempt_that_succeeded_since_should_be_gone(store: Store) -> None:
    failed = write(store.path(record(status="failed")), record(status="failed", day=1))
    assert (only(store).kind, only(store).path) == ("unfinished", failed)


def test_a_failed_attempt_after_a_success_is_as_it_should_be(store: Store) -> None:
    store.save(record(status="failed", day=3))
    assert not survey(store).faults


def test_a_copy_of_a_record_is_seen(store: Store) -> None:
    path = store.path(record())
    copy = path.with_name(f"copy-of-{path.name}")
    copy.write_bytes(path.read_bytes())
    assert (only(store).kind, only(store).path) == ("copy", copy)


def test_a_session_that_would_count_twice_is_seen(store: Store) -> None:
    """What a process leaves that was killed between keeping the old record and writing the new one."""
    path = store.superseded_path(record(day=2))
    path.write_bytes(store.path(record()).read_bytes())
    assert (only(store).kind, only(store).path) == ("copy", path)


def test_old_temporary_files_are_seen_and_young_ones_left_to_their_writers(store: Store) -> None:
    old, young = (store.folder / "complexity" / f".x.json.{name}.part" for name in ("a", "b"))
    for path in (old, young):
        path.write_text("{")
    os.utime(old, (time.time() - 2 * STILL_WRITTEN,) * 2)
    assert (only(store).kind, only(store).path) == ("temporary", old)


def test_what_cannot_be_read_is_not_damaged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, read = store.path(record()), Path.read_text

    def refuse(path: Path, **options: Any) -> str:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return read(path, **options)

    monkeypatch.setattr(Path, "read_text", refuse)
    fault = only(store)
    assert fault.kind == "unreadable" and fault.target is None and "permission" in fault.what


def test_a_folder_that_cannot_be_listed_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = store.folder / "complexity" / "superseded"
    monkeypatch.setattr(os, "access", lambda path, _: path != closed)
    fault = only(store)
    assert (fault.kind, fault.path, fault.target) == ("unreadable", closed, None)


def test_a_missing_description_of_this_machine_can_be_written_and_anothers_not(tmp_path: Path) -> None:
    here, there = Store(tmp_path, machine.name()), Store(tmp_path, "elsewhere")
    for store in (here, there):
        store.save(record(machine=store.name))
        (store.folder / "machine.json").unlink()
    assert only(here).target == here.folder / "machine.json"
    assert only(there).target is None and "copy it from where" in only(there).what


def test_a_damaged_description_and_another_machines_are_seen(tmp_path: Path) -> None:
    store = Store(tmp_path, machine.name())
    store.save(record(machine=store.name))
    path = store.folder / "machine.json"
    path.write_text(json.dumps({"cpu": "another"}))
    what = only(store).what
    assert "describes another machine" in what and "cpu another, here" in what and "cores unknown, here" in what
    path.write_text("{")
    assert "damaged" in only(store).what and only(store).target is None


def test_what_is_only_odd_is_a_remark(store: Store) -> None:
    (store.folder / "latency").mkdir()
    (store.folder / "complexity" / "notes.txt").write_text("mine")
    (store.folder / "complexity" / "damaged").mkdir()
    (store.folder / "complexity" / "damaged" / "x.json.2026").write_text("{")
    store.save(record("TB+CSP", width=8, machine="there"))
    found = survey(store)
    assert not found.faults
    said = "\n".join(found.remarks)
    for part in (
        "measured on there: 1,",
        "empty folders: latency",
        "set aside in folders named damaged: 1;",
        "complexity/notes.txt",
    ):
        assert part in said


def test_a_machines_folder_inside_another_is_one_fault_and_stays_as_it_is(store: Store) -> None:
    """What `cp -r theirs/here results/here` makes where there is such a folder."""
    inner = Store(store.folder, "there")
    inner.save(record(machine="there"))
    (inner.folder / "report.md").write_text("theirs")
    (inner.folder / "latency").mkdir()
    left = inner.folder / ".x.json.a.part"
    left.write_text("{")
    os.utime(left, (time.time() - 2 * STILL_WRITTEN,) * 2)
    found = survey(store)
    (fault,) = found.faults
    assert (fault.kind, fault.path, fault.target) == ("nested", inner.folder, None) and "move it up" in fault.what
    assert not found.remarks and len(found.current) == 3


def test_a_remark_names_a_few_files_and_counts_the_rest(store: Store) -> None:
    for number in range(10):
        (store.folder / "complexity" / f"notes-{number}.txt").write_text("mine")
    (remark,) = survey(store).remarks
    assert remark.endswith("complexity/notes-7.txt and 2 more")


def test_another_machines_calibration_is_a_remark(store: Store) -> None:
    readings = [[0.1, 0.2], [0.1, 0.3]]
    about = {"device": "cpu", "machine": "here"}
    path = store.folder / "calibration.json"
    path.write_text(json.dumps({"about": about, "log_ratios": {"a": readings, "b": readings}}))
    assert not survey(store).remarks
    path.write_text(path.read_text().replace("here", "there"))
    found = survey(store)
    assert not found.faults and found.remarks[0].startswith("calibration.json: the calibration is of machine there;")
