"""LS-VID's layout, with the HDF5 file it is published with and the NumPy files that some copies hold."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from trees import LSVID_QUERIES, write_frame, write_lsvid

from reidbench.data import lsvid as module
from reidbench.data.census import TreeError, count
from reidbench.data.lsvid import lsvid
from reidbench.data.tracklets import Dataset
from reidbench.spec import UserError

INFO = "test/data/info_test.mat"
LIST = "list_sequence/list_seq_test.txt"


def read(root: Path, **options: int) -> Dataset:
    return lsvid(str(root), subset=True, **options)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_lsvid(tmp_path / "lsvid")


def test_the_lists_and_the_hdf5_file_are_read(tree: Path) -> None:
    found = read(tree, dense=0)
    assert [(t.identity, t.camera, len(t.frames)) for t in found.train] == [
        (1, 1, 70),
        (1, 15, 5),
        (8, 2, 8),
        (8, 1, 64),
    ]
    assert [(t.identity, t.camera) for t in found.query] == [(2, 1), (3, 3)]
    assert [(t.identity, t.camera) for t in found.gallery] == [(2, 10), (3, 1), (3, 10)]
    assert found.queries_in_gallery and found.subset
    assert found.train[0].frames[8:10] == tuple(f"tracklet_train/0000/0000_001_01_{n}.jpg" for n in (9, 10))
    assert all((tree / frame).is_file() for t in (*found.train, *found.query, *found.gallery) for frame in t.frames)


def test_identity_0_is_a_person_and_no_distractor(tree: Path) -> None:
    assert count(read(tree))["distractor tracklets"] == 0 and read(tree).train_identities == (1, 8)


def test_the_converted_arrays_give_the_same(tmp_path: Path, tree: Path) -> None:
    converted = read(write_lsvid(tmp_path / "converted", info="numpy"))
    assert replace(converted, root=tree) == read(tree)


def test_a_row_of_queries_is_as_good_as_a_column(tree: Path) -> None:
    straight = read(tree)
    with h5py.File(tree / INFO, "w") as file:
        file["query"] = np.array(LSVID_QUERIES, dtype=np.float64)[:, None]
    assert read(tree).query == straight.query


def test_a_beginning_does_not_cut_a_number(tmp_path: Path) -> None:
    tree = write_lsvid(tmp_path / "short", padded=False)
    # Line 4 lists 0002_004_1, line 5 is 0002_005_10: of one track there could be both.
    write_frame(tree / "tracklet_test/0002/0002_004_10_1.jpg", (1,))
    found = read(tree)
    assert [len(t.frames) for t in (*found.query, *found.gallery)] == [4, 5, 3, 2, 6]


def test_listing_order_does_not_matter(tree: Path, request: pytest.FixtureRequest) -> None:
    straight = read(tree)
    request.getfixturevalue("backwards")
    assert read(tree) == straight


def test_training_tracklets_are_cut_every_64_frames(tree: Path) -> None:
    assert [len(t.frames) for t in read(tree).train] == [70, 5, 8, 64]
    assert [len(t.frames) for t in read(tree, dense=32).train] == [32, 38, 5, 8, 32, 32]


def test_counts_are_those_published_or_a_subset(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TreeError, match=r"training tracklets 4 \(published 2831\).*queries 2 \(published 3504\)"):
        lsvid(str(tree))
    monkeypatch.setattr(module, "LSVID", replace(module.LSVID, counts=count(read(tree))))
    assert not lsvid(str(tree)).subset


def queries(key: str, value: object) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        with h5py.File(root / INFO, "a") as file:
            if key in file:
                del file[key]
            if value is not None:
                file[key] = value

    return damage


def edit(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    return lambda root: (root / LIST).write_text("\n".join(change((root / LIST).read_text().splitlines()))) and None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / INFO).write_bytes(b"MATLAB 5.0"), "info_test.mat: cannot be read as an HDF5 file"),
        (lambda root: (root / INFO).unlink(), "info_test.mat: no such file"),
        (queries("query", None), "holds no variable named query"),
        (queries("query", [[1.0, 1.0]]), "no query, or one twice"),
        (queries("query", [[0.0, 1.0]]), "query 0 does not lie in the 5 test tracklets"),
        (queries("query", [[1.5]]), "other than whole numbers"),
        (queries("query", [[float("nan")]]), "other than whole numbers"),
        (queries("query", ["one"]), "other than whole numbers"),
        (queries("info_test", [[1.0] * 4] * 4), r"info_test has shape \(4, 4\), not \[5 tracklets, 4\]"),
        (queries("info_test", [[1] * 5, [1] * 5, [1, 1, 1, 2, 2], [1, 10, 3, 1, 10]]), "other identities .* line 1"),
        (queries("info_test", [[1] * 5, [1] * 5, [1, 1, 2, 2, 2], [1, 10, 3, 2, 10]]), "other cameras .* line 1"),
        (lambda root: shutil.rmtree(root / "tracklet_test"), "tracklet_test: no such folder"),
        (lambda root: shutil.rmtree(root / "tracklet_test/0001"), "line 1: .*0001_001_01: is missing.*first of 2 prob"),
        (edit(lambda lines: [*lines, lines[0]]), "line 6: lists tracklet_test/0001/0001_001_01 again"),
        (edit(lambda lines: ["../x/y 1", *lines[1:]]), "line 1: '../x/y 1' is not a path below the root"),
        (edit(lambda lines: ["tracklet_test/0001/0001_001_01", *lines[1:]]), "line 1: .* is not a path"),
        (edit(lambda lines: ["tracklet_test/0001/0001_00 1", *lines[1:]]), "line 1: .* is missing"),
        (edit(lambda lines: ["tracklet_test/0001/0001_ 1", *lines[2:]]), "is not one camera"),
        (lambda root: (root / LIST).write_bytes(b"\xff"), "list_seq_test.txt: cannot be read"),
        (lambda root: (root / LIST).write_text(""), "list_seq_test.txt: lists no tracklet"),
    ],
)
def test_what_is_wrong_is_named(tree: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(tree)
    with pytest.raises(UserError, match=message) as error:
        read(tree)
    assert "\n" not in str(error.value)


def test_a_pickled_array_is_refused(tmp_path: Path) -> None:
    tree = write_lsvid(tmp_path / "pickled", info="numpy")
    np.save(tree / "test/query.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match=r"query.npy: cannot be read as a NumPy array"):
        read(tree)
