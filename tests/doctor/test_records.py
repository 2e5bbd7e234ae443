"""Which folders are looked at, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from kept import new_store, record, write

from reidbench.doctor.records import NAMED, examine, mend, stores
from reidbench.spec import UserError, key_of


def test_every_machine_with_records_is_looked_at_and_other_folders_are_not(tmp_path: Path) -> None:
    root = new_store(tmp_path).folder.parent
    write(root / "bare" / "complexity" / "x-0123456789ab.json", record())
    (root / "figures" / "old").mkdir(parents=True)
    (root / "figures" / "old" / "curve.json").write_text("[]")
    assert [store.name for store in stores(str(root), "")] == ["bare", "here"]
    assert [store.name for store in stores(str(root), "here")] == ["here"]


def test_no_records_yet_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert stores("results", "") == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    root = new_store(tmp_path).folder.parent
    with pytest.raises(UserError, match=r"--results .*nowhere: no such folder"):
        stores(str(tmp_path / "nowhere"), "")
    with pytest.raises(UserError, match=r"no records of machine 'there' under .*; give --machine here"):
        stores(str(root), "there")
    with pytest.raises(UserError, match="is a file"):
        stores(str(root / "here" / "machine.json"), "")


def test_sound_records_are_counted(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    (summary,) = examine(store)
    assert summary.mark == "ok"
    assert summary.text == (
        "readable: results 2, superseded 1, failed attempts 1; with a digest, which fits what they hold: 4"
    )
    write(store.path(record(day=2)), record(day=2))
    (summary,) = examine(store)
    assert summary.text.endswith("which fits what they hold: 3; older than digests: 1")


def test_damaged_files_are_named_and_mended(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    path = store.path(record())
    path.write_text("{")
    _, damaged = examine(store)
    assert (damaged.subject, damaged.mark) == ("damaged", "wrong")
    assert f"complexity/{path.name}: damaged (" in damaged.text and "doctor --repair" in damaged.text
    assert damaged.facts["files"][0]["path"] == str(path)
    (moved,) = mend(store)
    assert moved.text.startswith(f"complexity/{path.name} to complexity/damaged/{path.name}.")
    summary, remark = examine(store)
    assert summary.mark == "ok" and remark.mark == "note" and "set aside" in remark.text
    assert mend(store) == []


def test_of_many_files_a_few_are_named(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for width in range(100, 100 + NAMED + 3):
        store.save(record(f"row {width}", width=width)).write_text("{")
    _, damaged = examine(store)
    assert damaged.text.count(": damaged (") == NAMED and "and 3 more" in damaged.text
    assert len(damaged.facts["files"]) == NAMED + 3


def test_what_only_the_user_can_mend_does_not_promise_a_repair(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    (store.folder / "machine.json").unlink()
    _, missing = examine(store)
    assert missing.subject == "machine.json" and "copy it from where" in missing.text
    assert "--repair" not in missing.text and mend(store) == []


def test_a_repair_of_records_that_name_places_outside_is_told_as_any(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    cell = {**record().cell, "measurement": str(tmp_path / "escaped")}
    write(store.folder / "complexity" / "evil.json", replace(record(), cell=cell, key=key_of(cell)))
    (moved,) = mend(store)
    assert moved.text.startswith("complexity/evil.json to complexity/damaged/evil.json.")
