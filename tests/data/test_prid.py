"""PRID-2011's layout and its ten splits."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from trees import prid_splits, write_prid

from reidbench.data import prid as module
from reidbench.data.census import TreeError, count
from reidbench.data.prid import prid
from reidbench.data.tracklets import Dataset
from reidbench.spec import UserError

SHOTS = "prid_2011/multi_shot"


def read(root: Path, **options: int) -> Dataset:
    return prid(str(root), subset=True, **options)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_prid(tmp_path / "prid")


@pytest.mark.parametrize("split", [1, 4, 10])
def test_a_split_names_its_persons(tree: Path, split: int) -> None:
    found, chosen = read(tree, split=split), prid_splits()[split - 1]
    train, test = ([int(name[-4:]) for name in sorted(chosen[part])] for part in ("train", "test"))
    assert [(t.identity, t.camera) for t in found.train] == [(p, c) for p in train for c in (1, 2)]
    assert [(t.identity, t.camera) for t in found.query] == [(p, 1) for p in test]
    assert [(t.identity, t.camera) for t in found.gallery] == [(p, 2) for p in test]
    assert found.gallery[0].frames == tuple(f"{SHOTS}/cam_b/person_{test[0]:04d}/{n:04d}.png" for n in (1, 2, 3, 4))
    assert not found.queries_in_gallery


def test_listing_order_decides_nothing(tree: Path, request: pytest.FixtureRequest) -> None:
    straight = read(tree)
    request.getfixturevalue("backwards")
    assert read(tree) == straight


@pytest.mark.parametrize("split", [0, 11, "1"])
def test_a_split_that_there_is_not_is_refused(tree: Path, split: object) -> None:
    with pytest.raises(UserError, match=r"dataset prid: split is .*; give a number from 1 to 10"):
        prid(str(tree), subset=True, split=split)  # type: ignore[arg-type]


def test_counts_are_those_published_or_a_subset(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"training identities 3 \(published 89\)"):
        prid(str(tree))
    monkeypatch.setattr(module, "PRID", replace(module.PRID, counts=count(read(tree))))
    assert not prid(str(tree)).subset


def test_persons_that_are_missing_are_all_named(tree: Path) -> None:
    shutil.rmtree(tree / SHOTS / "cam_a/person_0002")
    shutil.rmtree(tree / SHOTS / "cam_b/person_0198")
    with pytest.raises(TreeError, match=r"missing, or holds no frame.*first of 2 problems") as error:
        read(tree)
    named = sorted(problem.partition(":")[0].rpartition("multi_shot/")[2] for problem in error.value.problems)
    assert named == ["cam_a/person_0002", "cam_b/person_0198"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "splits_prid2011.json: cannot be read as JSON"),
        ("[", "splits_prid2011.json: cannot be read as JSON"),
        ("{}", "must hold 10 splits"),
        (json.dumps(prid_splits()[:9]), "must hold 10 splits"),
        (json.dumps([{"train": ["person_0001"]}] * 10), "must hold 10 splits"),
        (json.dumps([{"train": ["person_0001"] * 2, "test": ["person_0002"]}] * 10), "must hold 10 splits"),
        (json.dumps([{"train": ["../../x"], "test": ["person_0002"]}] * 10), "must hold 10 splits"),
        (
            json.dumps([{"train": ["person_0001"], "test": ["person_0001"]}] * 10),
            "the split trains and tests on person_0001",
        ),
    ],
)
def test_bad_splits_are_named(tree: Path, content: str | None, message: str) -> None:
    file = tree / "splits_prid2011.json"
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(UserError, match=message) as error:
        read(tree)
    assert "\n" not in str(error.value)
