"""What of a dataset a cell's key holds, from disk or, for a report, from the records."""

import json
from pathlib import Path
from typing import Any

import pytest
from trees import ilids_splits, write_ilids

from reidbench import registry
from reidbench.data.layout import STAMP
from reidbench.data.splits import Splits, parse_splits
from reidbench.data.synthetic import GENERATOR, SyntheticOptions, write_synthetic
from reidbench.data.two_cameras import SPLITS
from reidbench.planning.dataset_identity import (
    AskedData,
    choose_splits,
    dataset_text,
    identities,
    is_usual,
    with_kept,
)
from reidbench.spec import Cell, Record, UserError, canonical_json
from reidbench.store import Store

ALL = parse_splits("all", "ilids", SPLITS)


def save(store: Store, dataset: dict[str, Any], day: int = 1) -> None:
    cell = Cell("A", "accuracy", "baseline", {}, {"dataset": dataset}, "now")
    found = ({}, {"ap": [1.0]}, {}, "here", {}, f"2026-01-{day:02d}", 1.0)
    store.save(Record(cell.identity, cell.key, "A", "ok", *found))


def test_the_two_datasets_that_have_splits_say_so() -> None:
    having = {name: entry.splits for name, entry in registry.datasets().items() if entry.splits}
    assert having == {"ilids": SPLITS, "prid": SPLITS}
    assert all(registry.datasets()[name].options["split"] == 1 for name in having)


@pytest.mark.parametrize(
    ("asked", "splits"),
    [
        (AskedData("mars", {}), Splits()),
        (AskedData("ilids", {}), ALL),
        (AskedData("ilids", {}, splits="2-3"), Splits((2, 3), SPLITS)),
        (AskedData("ilids", {"split": 4}), Splits((4,), SPLITS)),
    ],
)
def test_all_splits_are_asked_for_unless_some_are_chosen(asked: AskedData, splits: Splits) -> None:
    assert choose_splits(asked) == splits


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (AskedData("mars", {}, splits="all"), "--splits all: dataset mars has no random splits; leave it out"),
        (AskedData("ilids", {"split": 4}, splits="4"), "--splits 4 and --data split=4: give one of them"),
        (AskedData("ilids", {}, splits="11"), "--splits 11: dataset ilids has splits 1 to 10"),
    ],
)
def test_splits_that_there_are_not_are_refused(asked: AskedData, message: str) -> None:
    with pytest.raises(UserError, match=message):
        choose_splits(asked)


def test_every_split_is_a_content_of_its_own(tmp_path: Path) -> None:
    root = write_ilids(tmp_path / "ilids", persons=range(1, 13), splits=ilids_splits(12))
    asked = AskedData("ilids", {}, str(root), subset=True)
    found = identities(asked, ALL, Store(tmp_path, "here"))
    assert [each["options"] for each in found] == [{"split": number} for number in ALL.numbers]
    assert {(each["name"], each["subset"], each["splits"]) for each in found} == {("ilids", True, SPLITS)}
    assert len({each["fingerprint"] for each in found}) == SPLITS
    assert identities(asked, Splits(), Store(tmp_path, "here")) == found[:1], "one model alone is of the first"


def test_without_a_root_a_report_takes_the_latest_record_of_each_split(tmp_path: Path) -> None:
    store, asked = Store(tmp_path, "here"), AskedData("ilids", {})
    with pytest.raises(UserError, match="dataset ilids needs --root"):
        identities(asked, ALL, store)
    known = {"name": "ilids", "subset": False, "splits": SPLITS}
    for day, (split, content) in enumerate(((1, "old"), (1, "first"), (3, "third")), 1):
        save(store, {**known, "fingerprint": content, "options": {"split": split}}, day)
    save(store, {"name": "ilids", "subset": False, "fingerprint": "unsaid", "options": {}}, 9)
    found = identities(asked, ALL, store)
    assert [each["fingerprint"] for each in found] == ["first", "", "third", *[""] * 7]
    assert [each["options"]["split"] for each in found] == list(ALL.numbers)
    with pytest.raises(UserError, match="dataset ilids needs --root"):
        identities(asked, Splits((2,), SPLITS), store)


def test_without_a_root_the_options_decide_which_record_is_taken(tmp_path: Path) -> None:
    store = Store(tmp_path, "here")
    for dense, content in ((0, "whole"), (16, "cut")):
        save(store, {"name": "duke", "fingerprint": content, "options": {"dense": dense}, "subset": False})
    for dense, content in ((0, "whole"), (16, "cut")):
        found = identities(AskedData("duke", {"dense": dense}), Splits(), store)
        assert [each["fingerprint"] for each in found] == [content]
    with pytest.raises(UserError, match="dataset duke needs --root"):
        identities(AskedData("duke", {"dense": 8}), Splits(), store)


FEW: dict[str, Any] = {"train_ids": 2, "test_ids": 2, "cameras": 2, "frames": 1}


def test_kept_synthetic_data_are_named_by_what_they_were_made_with(tmp_path: Path) -> None:
    root, options = tmp_path / "hidden", {**FEW, "occlusion": 0.9, "rate": 0.5}
    write_synthetic(root, **options)
    (found,) = identities(AskedData("synthetic", {}, str(root)), Splits(), Store(tmp_path, "here"))
    (made,) = identities(AskedData("synthetic", options), Splits(), Store(tmp_path, "here"))
    assert canonical_json(found) == canonical_json(made) and found["options"] == options
    assert dataset_text(**found).endswith("occlusion=0.9 rate=0.5")
    assert not is_usual({"dataset": found}) and is_usual({"dataset": found}, options)
    with pytest.raises(UserError, match=r"was written with occlusion=0\.9, not 0\.2: leave occlusion out"):
        identities(AskedData("synthetic", {"occlusion": 0.2}, str(root)), Splits(), Store(tmp_path, "here"))


@pytest.mark.parametrize("given", [{}, {"occlusion": 0.2}, {"rate": 1}])
def test_kept_default_data_are_named_by_what_is_given_alone(tmp_path: Path, given: dict[str, Any]) -> None:
    stamp = {"generator": GENERATOR, "options": SyntheticOptions.of().noted, "content": "", "fingerprint": ""}
    (tmp_path / "info").mkdir()
    (tmp_path / STAMP).write_text(json.dumps({**stamp, "jpeg_bytes": 0}))
    entry = registry.datasets()["synthetic"]
    assert with_kept(entry, {**given, "root": str(tmp_path)}) == {**given, "root": str(tmp_path)}


def test_a_dataset_in_words_names_its_split() -> None:
    assert dataset_text("ilids", True, {"split": 3}, 10) == "ilids split 3 of 10 (a subset)"
    assert dataset_text("duke", False, {"dense": 8}) == "duke dense=8"


@pytest.mark.parametrize(
    ("settings", "usual"),
    [
        ({}, True),
        ({"dataset": {"name": "ilids", "options": {"split": 3}, "splits": 10}}, True),
        ({"dataset": {"name": "synthetic", "options": {"height": 128, "width": 64}}}, True),
        ({"dataset": {"name": "synthetic", "options": {"height": 128, "width": 64, "occlusion": 0.5}}}, False),
        ({"dataset": {"name": "synthetic", "options": {"occlusion": 0.5}}}, False),
    ],
)
def test_splits_and_a_presets_own_options_are_usual_and_others_are_not(settings: dict[str, Any], usual: bool) -> None:
    assert is_usual(settings) == usual
    assert is_usual(settings, {"occlusion": 0.5}) == ("occlusion" in str(settings))
