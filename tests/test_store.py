"""The store: records survive, damage is named, a success is never replaced by a failure."""

import errno
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from reidbench import files
from reidbench.files import write_text
from reidbench.machine import describe
from reidbench.spec import Cell, Record, UserError
from reidbench.store import ASIDE, Store, _as_today, calibrated_machine, machines, read_record, read_sealed

CELL = Cell("Base-B (256x128)", "complexity", "baseline", {"shrink": (1,)}, {"shape": (1, 8, 3, 256, 128)}, "abc")


def record(cell: Cell = CELL, status: str = "ok", value: float = 1.0) -> Record:
    return Record(
        cell=cell.identity,
        key=cell.key,
        row=cell.row,
        status=status,
        values={"macs": value},
        samples={},
        context={},
        machine="here",
        versions={"python": "3.11"},
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results", "here")


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    assert store.load(CELL) is None and not store.holds(CELL)
    path = store.save(record())
    assert path.name == f"base-b-256x128-{CELL.key}.json"
    assert store.load(CELL) == record()
    assert store.records() == [record()]
    assert machines(store.folder.parent) == ["here"]


def test_cells_are_those_of_the_successful_records_and_found_where_the_rest_is_damaged(store: Store) -> None:
    other = replace(CELL, source="abd")
    path = store.save(record())
    store.save(record(other))
    store.save(record(replace(CELL, source="abe"), status="failed"))
    found = {cell["source"]: (row, cell) for row, cell in store.cells("complexity")}
    assert found == {cell.source: ("base-b-256x128", cell.identity) for cell in (CELL, other)}
    text = path.read_text()
    path.write_text(text.replace('"values"', '"damaged'))
    assert len(list(store.cells("complexity"))) == 2
    for damaged in (text.replace('"baseline"', '"bicnet"'), text[:40], "[]", ""):
        path.write_text(damaged)
        assert [cell["source"] for _, cell in store.cells("complexity")] == ["abd"]


@pytest.mark.parametrize("inside", ["", "here", "here/complexity"])
def test_a_folder_that_may_not_be_listed_is_told_and_not_taken_for_empty(
    inside: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(record())
    closed, scandir = store.folder.parent / inside, os.scandir

    def refusing(path: Path) -> Iterator[os.DirEntry[str]]:
        if path == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    attempts = {
        "": [lambda: machines(store.folder.parent)],
        "here": [lambda: machines(store.folder.parent), store.records, lambda: list(store.cells())],
        "here/complexity": [store.records, lambda: store.load(CELL), lambda: store.save(record(value=2.0))],
    }
    for attempt in attempts[inside]:
        with pytest.raises(UserError, match=r"cannot be listed \(Permission denied\); make it readable") as told:
            attempt()
        assert str(told.value).startswith(f"{closed}: ")
    monkeypatch.undo()
    assert store.load(CELL) == record(), "what could not be looked for must not be written over"


def test_the_label_is_no_part_of_the_key_and_everything_else_is() -> None:
    assert replace(CELL, row="another label").key == CELL.key
    changed = [
        replace(CELL, measurement="latency"),
        replace(CELL, model="bicnet"),
        replace(CELL, options={"shrink": (2,)}),
        replace(CELL, settings={"shape": (2, 8, 3, 256, 128)}),
        replace(CELL, source="abd"),
    ]
    assert len({CELL.key, *(cell.key for cell in changed)}) == 6


def test_tuples_and_lists_are_the_same_identity() -> None:
    assert replace(CELL, options={"shrink": [1]}).key == CELL.key


def test_a_failure_never_replaces_a_success_and_goes_when_the_cell_succeeds(store: Store) -> None:
    store.save(record(status="failed"))
    assert (found := store.load(CELL)) and found.status == "failed" and not store.holds(CELL)
    store.save(record())
    assert (found := store.load(CELL)) and found.status == "ok" and store.holds(CELL)
    assert len(list(store.folder.glob("complexity/*.json"))) == 1
    store.save(record(status="failed"))
    assert (found := store.load(CELL)) and found.status == "ok"


def test_the_last_failed_attempt_counts_whatever_its_row_was_called(store: Store) -> None:
    for name in ("first by name", "second by name"):
        store.save(replace(record(status="failed"), row=name, error=f"as {name}"))
    assert (found := store.load(CELL)) and found.error == "as second by name"
    assert len(store.records()) == 1
    store.save(record())
    store.save(replace(record(status="failed"), row="third by name"))
    assert (found := store.load(CELL)) and found.status == "ok"


def test_measuring_again_keeps_what_was_measured_before(store: Store) -> None:
    store.save(record(value=1.0))
    store.save(record(value=2.0))
    assert [found.values for found in store.records()] == [{"macs": 2.0}]
    (kept,) = (store.folder / "complexity" / "superseded").iterdir()
    assert store.superseded() == [read_record(kept)]
    assert store.records("complexity") == store.records() and store.records("latency") == []
    assert store.superseded("complexity") == store.superseded() and store.superseded("latency") == []
    assert read_record(kept) == record(value=1.0)


def test_what_began_in_the_same_second_is_kept_apart_and_kept_once(store: Store) -> None:
    for value in (1.0, 2.0, 2.0, 3.0):
        store.save(record(value=value))
    kept = [found.values["macs"] for found in store.superseded()]
    assert sorted(kept) == [1.0, 2.0]
    assert (found := store.load(CELL)) and found.values == {"macs": 3.0}


@pytest.mark.parametrize("damaged", [b"{", b"\xff\xfe", None])
def test_measuring_again_sets_aside_what_cannot_be_read(store: Store, damaged: bytes | None) -> None:
    path = store.save(record(value=1.0))
    before = damaged if damaged is not None else path.read_bytes().replace(b"1.0", b"3.0")
    path.write_bytes(before)
    with pytest.raises(UserError, match="damaged"):
        store.load(CELL)
    store.save(record(value=2.0))
    assert (found := store.load(CELL)) and found.values == {"macs": 2.0}
    (kept,) = (store.folder / "complexity" / ASIDE).iterdir()
    assert kept.read_bytes() == before and store.records() == [record(value=2.0)] and store.superseded() == []


def test_what_a_killed_process_kept_and_did_not_replace_counts_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_copies_only(path: Path, text: str) -> None:
        if path.parent.name != "superseded":
            raise KeyboardInterrupt
        write_text(path, text)

    store.save(record(value=1.0))
    monkeypatch.setattr("reidbench.store.write_text", write_copies_only)
    with pytest.raises(KeyboardInterrupt):
        store.save(record(value=2.0))
    monkeypatch.undo()
    assert store.records() == [record(value=1.0)] and store.superseded() == []
    store.save(record(value=2.0))
    assert store.records() == [record(value=2.0)] and store.superseded() == [record(value=1.0)]


def test_a_failed_attempt_that_goes_while_records_are_read_is_passed_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another run succeeds at the cell meanwhile."""
    path = store.save(record(status="failed"))

    def go_first(path: Path) -> Record:
        path.unlink(missing_ok=True)
        return read_record(path)

    monkeypatch.setattr("reidbench.store.read_record", go_first)
    assert store.load(CELL) is None
    store.save(record(status="failed"))
    assert store.records() == [] and not path.exists()


def test_two_writers_that_name_a_row_differently_leave_one_record(store: Store) -> None:
    others = [replace(record(value=float(number)), row=f"label {number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: Store(store.folder.parent, "here").save(each), others * 5))
    (left,) = store.records()
    assert left in others


def test_what_is_set_aside_in_one_second_is_all_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reidbench.machine.now", lambda: "2026-01-01T00:00:00+00:00")
    for damaged in ("{", "[", "]"):
        store.save(record()).write_text(damaged)
    store.save(record())
    assert sorted(kept.read_text() for kept in (store.folder / "complexity" / ASIDE).iterdir()) == ["[", "]", "{"]


def test_only_this_machines_records_are_joined(store: Store) -> None:
    store.check_is_here()
    assert store.machine() == describe() and not store.folder.exists(), "about to be introduced"
    store.check_writable()
    store.check_is_here()
    path, other = store.folder / "machine.json", {**describe(), "cores": 1000}
    path.write_text(json.dumps(other))
    assert store.machine() == other
    unlike = f"cores 1000, here {describe()['cores']}"
    with pytest.raises(UserError, match=rf"describes another machine than this one \({unlike}\); name a new folder"):
        store.check_is_here()
    path.write_text(json.dumps({**other, "cores": "many"}))
    with pytest.raises(UserError, match=r"machine.json: damaged \(cores is no number of cores\)"):
        store.machine()


def test_a_machines_folder_inside_another_is_named_where_all_is_read(store: Store) -> None:
    store.save(record())
    inner = Store(store.folder, "there")
    inner.save(record())
    with pytest.raises(UserError, match=r"there: a machine's folder inside another; move it up$"):
        store.records()
    assert store.records("complexity") == [record()]


def test_records_without_a_description_of_their_machine_are_not_joined(store: Store) -> None:
    store.save(record())
    (store.folder / "machine.json").unlink()
    with pytest.raises(UserError, match=r"machine.json: is missing, .*copy it too"):
        store.check_is_here()


def test_another_run_that_introduces_this_machine_meanwhile_is_no_stranger(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = files.listed

    def record_meanwhile(folder: Path, pattern: str = "*") -> list[Path]:
        monkeypatch.undo()
        store.introduce_machine()
        store.save(record())
        return look(folder, pattern)

    monkeypatch.setattr("reidbench.store.listed", record_meanwhile)
    store.check_is_here()
    assert store.records() == [record()]


def test_drafts_that_killed_writers_left_long_ago_go_before_a_run(store: Store) -> None:
    store.save(record())
    old, young = (store.folder / "complexity" / f".{name}.json.abcdefgh.part" for name in ("old", "young"))
    for draft in (old, young):
        draft.write_text("{")
    os.utime(old, (0, 0))
    store.check_writable()
    assert young.exists() and not old.exists()
    assert store.records() == [record()]


def test_a_record_under_the_name_of_another_cell_does_not_answer_it(store: Store) -> None:
    other = replace(CELL, source="abd")
    path = store.save(record())
    path.rename(path.with_name(path.name.replace(CELL.key, other.key)))
    with pytest.raises(UserError, match=rf"holds the record of another cell \({CELL.key}\); move it away"):
        store.load(other)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}', json.dumps({**vars(record()), "status": "odd"})])
def test_a_damaged_record_is_named(store: Store, text: str) -> None:
    path = store.save(record())
    path.write_text(text)
    with pytest.raises(UserError, match=path.name):
        store.load(CELL)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cell", None),
        ("cell", {}),
        ("cell", {**CELL.identity, "settings": None}),
        ("key", 1),
        ("row", None),
        ("status", None),
        ("values", []),
        ("values", {"macs": "1"}),
        ("values", {"macs": True}),
        ("values", {"macs": float("nan")}),
        ("values", {"macs": 10**400}),
        ("samples", None),
        ("samples", {"ap": 0.5}),
        ("samples", {"ap": [0.5, "0.5"]}),
        ("samples", {"ap": [0.5, None]}),
        ("samples", {"ap": [0.5, float("inf")]}),
        ("context", []),
        ("context", {"queries": float("nan")}),
        ("machine", 3),
        ("versions", {"python": 3.11}),
        ("started", 0),
        ("seconds", "1"),
        ("error", None),
    ],
)
def test_a_record_of_other_types_is_one_line_that_names_it(store: Store, field: str, value: object) -> None:
    path = store.save(record())
    path.write_text(json.dumps({**asdict(record()), field: value}))
    with pytest.raises(UserError, match=rf"{path.name}: damaged \(.+\); move it away") as error:
        store.load(CELL)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(store: Store, number: str) -> None:
    path = store.save(record(value=12345.0))
    path.write_text(path.read_text().replace("12345.0", number))
    with pytest.raises(UserError, match=rf"{path.name}: damaged"):
        store.records()


def test_every_digit_of_a_record_is_guarded(store: Store) -> None:
    path = store.save(replace(record(), samples={"ap": [0.8125, 0.25]}, context={"queries": 7}))
    text = path.read_text()
    digits = [place for place, sign in enumerate(text) if sign.isdigit()]
    assert len(digits) > 50
    for place in digits:
        other = str((int(text[place]) + 1) % 10)
        path.write_text(text[:place] + other + text[place + 1 :])
        with pytest.raises(UserError, match=rf"{path.name}: (damaged|not a record)"):
            read_record(path)
    path.write_text(text)
    assert read_record(path).samples == {"ap": [0.8125, 0.25]}


def test_a_digest_does_not_depend_on_how_the_file_is_spaced_or_ordered(store: Store) -> None:
    path = store.save(record())
    content = json.loads(path.read_text())
    path.write_bytes(json.dumps(dict(reversed(content.items())), indent=4).replace("\n", "\r\n").encode())
    assert read_sealed(path) == (record(), True)


def test_a_file_has_a_line_for_every_entry_and_one_for_a_row_of_readings(store: Store) -> None:
    about = {"rows": [["Base-B", 1], {"none": {}}], "empty": []}
    text = store.save(replace(record(), samples={"ap": [0.5, 1.0, 1e-07]}, context=about)).read_text()
    assert ' "context": {\n  "empty": [],\n  "rows": [\n   ["Base-B",1],\n   {\n    "none": {}\n   }\n  ]\n },' in text
    assert ' "samples": {\n  "ap": [0.5,1,1e-07]\n },' in text
    assert text == text.strip() + "\n"
    assert '"shape": [1,8,3,256,128]' in text


def test_whole_readings_are_written_short_and_stay_the_numbers_that_they_were(store: Store) -> None:
    readings = [0.0, 1.0, 3.0, 0.5, 2.0**60]
    path = store.save(replace(record(), samples={"ap": readings}))
    assert '"ap": [0,1,3,0.5,1.152921504606847e+18]' in path.read_text()
    assert store.load(CELL).samples["ap"] == readings


def test_a_record_older_than_digests_is_valid(store: Store) -> None:
    path = store.save(record())
    path.write_text(json.dumps(asdict(record())))
    assert read_sealed(path) == (record(), False) and store.load(CELL) == record()


def test_an_older_record_gives_the_versions_of_its_backend_beside_the_others(store: Store) -> None:
    older = replace(record(), context={"other_load": 0.1, "backend_versions": {"openvino": "2026.4"}})
    store.save(older)
    found = store.load(CELL)
    assert found is not None and found.versions == {**older.versions, "openvino": "2026.4"}
    assert found.context == {"other_load": 0.1}


def test_an_older_record_gives_the_look_alikes_that_its_factors_tell_of(store: Store) -> None:
    """Persons 8 to 13 are told apart by the emblem, four in a group; 20 and 21 by the tempo; 30 by nothing."""
    identities = [8, 9, 9, 11, 12, 13, 20, 21, 10, 30]
    older = {"identity": identities, "factor:emblem": [1] * 6 + [0, 0, 1, 0], "factor:tempo": [0] * 6 + [1, 1, 0, 0]}
    store.save(replace(record(), samples=older))
    found = store.load(CELL)
    assert found is not None and found.samples == {**older, "group": [8, 8, 8, 8, 12, 12, 20, 20, 8, 30]}
    for kept in ({**older, "group": [1] * 10}, {"identity": identities}, {"factor:emblem": [1]}):
        store.save(replace(record(), samples=kept))
        again = store.load(CELL)
        assert again is not None and again.samples == kept


def test_an_older_record_of_the_synthetic_data_without_factors_gives_its_look_alikes_by_their_numbers(
    store: Store,
) -> None:
    """As those of activation, attention and ranking."""
    options = {"train_ids": 4, "test_ids": 8, "detail": 0.5, "gait": 0.5}
    samples = {"overlap": [0.1, 0.2, 0.3], "identity": [5, 8, 12]}
    for dataset, groups in (("synthetic", [5, 5, 11]), ("mars", None)):
        settings = {**CELL.settings, "dataset": {"name": dataset, "fingerprint": "f00d", "options": options}}
        cell = replace(CELL, settings=settings)
        store.save(replace(record(), cell=cell.identity, key=cell.key, samples=samples))
        found = store.load(cell)
        assert found is not None and found.samples.get("group") == groups


@pytest.mark.parametrize("options", [{"detail": "x"}, {"test_ids": None}, {"gait": 1e400}])
def test_what_is_no_option_of_the_synthetic_data_tells_of_no_look_alikes(store: Store, options: dict) -> None:
    dataset = {"name": "synthetic", "fingerprint": "f00d", "subset": False, "options": options}
    made = replace(record(), cell={**CELL.identity, "settings": {**CELL.settings, "dataset": dataset}})
    assert _as_today(replace(made, samples={"identity": [200.0]})).samples == {"identity": [200.0]}


def test_nothing_half_written_stays_when_writing_fails(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(record())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        store.save(record(value=2.0))
    monkeypatch.undo()
    assert store.records() == [record()]
    assert not list(store.folder.rglob(".*"))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(UserError, match="cannot be written"):
        Store(tmp_path / "results", "here").check_writable()


def test_machine_names_cannot_leave_the_results_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="machine name"):
        Store(tmp_path, "../elsewhere")


def test_a_calibration_tells_whose_it_is(tmp_path: Path) -> None:
    assert calibrated_machine(tmp_path) == ""
    path = tmp_path / "calibration.json"
    for name, told in (("amd-2-core", "amd-2-core"), ("\x1b[2J", ""), (["there"], "")):
        path.write_text(json.dumps({"about": {"machine": name}, "log_ratios": {"a": [[0.1]]}}))
        assert calibrated_machine(tmp_path) == told
    for text in (
        "{",
        "[]",
        "null",
        '{"about": {"machine": "there"}, "log_ratios": {}}',
        '{"about": 3, "log_ratios": 1}',
    ):
        path.write_text(text)
        assert calibrated_machine(tmp_path) == ""
