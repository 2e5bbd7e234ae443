"""What is repaired is sound afterwards, and nothing that was there is lost, whatever had happened to it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from kept import contents, new_store, record, write

from reidbench import machine
from reidbench import store as store_module
from reidbench.doctor.integrity import STILL_WRITTEN, survey
from reidbench.doctor.repair import repair
from reidbench.spec import Cell, UserError, key_of
from reidbench.store import Store

CELL = Cell(**{name: value for name, value in record().cell.items() if name != "format"}, row="Base-B")


def break_everything(store: Store) -> None:
    """One of every fault that a repair can mend."""
    folder = store.folder / "complexity"
    path = store.path(record("Base-S", width=32))
    path.rename(path.with_name("renamed.json"))
    damaged = store.save(record("TB+CSP", width=8))
    damaged.write_text(damaged.read_text().replace("0.25", "0.52"))
    store.superseded_path(record()).write_text("{")
    write(folder / "older.json", record("Base-B", day=1, value=3.0))
    write(store.path(record(status="failed")), record(status="failed"))
    (folder / "copy.json").write_bytes(store.path(record()).read_bytes())
    (folder / ".x.json.abc.part").write_text("half")
    os.utime(folder / ".x.json.abc.part", (time.time() - 2 * STILL_WRITTEN,) * 2)


def test_everything_at_once_is_mended_and_nothing_lost(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    break_everything(store)
    before = contents(store.folder)
    assert {fault.kind for fault in survey(store).faults} == {"damaged", "misnamed", "unfinished", "copy", "temporary"}
    moved = repair(store, survey(store).faults)
    assert len(moved) == 7 and contents(store.folder) == before
    assert not survey(store).faults
    assert store.load(CELL) == record(day=2)
    assert [kept.values["macs"] for kept in store.superseded()] == [3.0]
    assert sorted({kept.row for kept in store.records()}) == ["Base-B", "Base-S", "TB"]
    assert repair(store, survey(store).faults) == []


def test_what_is_set_aside_twice_in_a_second_is_kept_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "now", lambda: "2026-01-05T00:00:00+00:00")
    store = new_store(tmp_path)
    for text in ("first", "second"):
        store.path(record()).write_text(text)
        repair(store, survey(store).faults)
    kept = sorted(path.read_text() for path in (store.folder / "complexity" / "damaged").iterdir())
    assert kept == ["first", "second"]


def test_a_chain_of_misnamed_files_falls_into_place(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    base_b, base_s = store.path(record()), store.path(record("Base-S", width=32))
    base_s.rename(base_s.with_name("a.json"))
    base_b.rename(base_s)
    repair(store, survey(store).faults)
    assert not survey(store).faults and store.load(CELL) == record(day=2)


def test_swapped_files_stay_where_they_are(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    base_b, base_s = store.path(record()), store.path(record("Base-S", width=32))
    first, second = base_b.read_bytes(), base_s.read_bytes()
    base_b.write_bytes(second)
    base_s.write_bytes(first)
    before = contents(store.folder)
    assert repair(store, survey(store).faults) == [] and contents(store.folder) == before
    assert [fault.kind for fault in survey(store).faults] == ["misnamed", "misnamed"]


def test_this_machines_description_is_written_where_it_is_missing(tmp_path: Path) -> None:
    store = Store(tmp_path, machine.name())
    store.save(record(machine=store.name))
    (store.folder / "machine.json").unlink()
    repair(store, survey(store).faults)
    assert store.machine() == machine.describe() and not survey(store).faults


@pytest.mark.parametrize("step", range(4))
def test_a_process_killed_while_it_saves_leaves_what_can_be_mended(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before one of its changes to the folder: keeping the old record, writing the new, clearing two away."""
    store = new_store(tmp_path)
    write(store.path(record(status="failed")), record(status="failed", day=3))
    store.path(record()).rename(store.path(record("At first")))
    changes: list[Path] = []

    def counted(path: Path) -> None:
        if len(changes) == step:
            raise KeyboardInterrupt
        changes.append(path)

    unlink, write_text = Path.unlink, store_module.write_text
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_text", lambda path, text: (counted(path), write_text(path, text)))
        patch.setattr(
            Path, "unlink", lambda path, **more: (path.suffix == ".json" and counted(path), unlink(path, **more))
        )
        with pytest.raises(KeyboardInterrupt):
            store.save(record(day=4))
    before = contents(store.folder)
    repair(store, survey(store).faults)
    assert contents(store.folder) == before and not survey(store).faults
    assert (found := store.load(CELL)) and found.started == record(day=2 if step < 2 else 4).started
    sessions = [
        kept.started for kept in (*store.records(), *store.superseded()) if kept.key == CELL.key and kept.status == "ok"
    ]
    assert len(sessions) == len(set(sessions)) == (2 if step < 2 else 3)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_store(tmp_path)
    store.path(record()).write_text("{")
    faults = survey(store).faults

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(UserError, match="Read-only file system"):
        repair(store, faults)


@pytest.mark.parametrize("place", ["../../escaped", "/ESCAPED"])
def test_a_record_cannot_name_a_place_outside(tmp_path: Path, place: str) -> None:
    """Its measurement is the name of a folder: one that leads elsewhere makes it damaged, and it stays inside."""
    store = new_store(tmp_path)
    cell = {**record().cell, "measurement": place.replace("/ESCAPED", str(tmp_path / "escaped"))}
    write(store.folder / "complexity" / "evil.json", replace(record(), cell=cell, key=key_of(cell)))
    (fault,) = survey(store).faults
    assert fault.kind == "damaged" and "measurement is no name" in fault.what
    ((_, target),) = repair(store, [fault])
    assert target.parent == store.folder / "complexity" / "damaged" and not (tmp_path / "escaped").exists()


def test_nothing_is_moved_through_a_link_out_of_the_folder(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (store.folder / "latency").symlink_to(tmp_path / "elsewhere")
    cell = {**record().cell, "measurement": "latency"}
    write(store.folder / "complexity" / "linked.json", replace(record(), cell=cell, key=key_of(cell)))
    with pytest.raises(UserError, match=r"latency/.*: a link leads out of .*here; move .*linked\.json by hand"):
        repair(store, survey(store).faults)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_place_whose_name_is_too_long_is_named(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    write(store.folder / "complexity" / "long.json", replace(record(), row="r" * 300))
    faults = [fault for fault in survey(store).faults if fault.kind == "misnamed"]
    with pytest.raises(UserError, match="cannot be written"):
        repair(store, faults or survey(store).faults)
