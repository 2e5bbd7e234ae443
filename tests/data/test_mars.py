from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from reidbench.data import mars as module
from reidbench.data.mars import mars, read_layout
from reidbench.spec import UserError

Write = Callable[..., Path]


def test_reads_the_published_layout(mars_tree: Path) -> None:
    found = read_layout(mars_tree, name="tiny")
    assert found.train_identities == (1, 3, 5)
    assert [len(t.frames) for t in found.train] == [5, 9, 16, 8, 3, 40]
    assert [(t.identity, t.camera) for t in found.query] == [(2, 1), (4, 1)]
    assert [t.identity for t in found.gallery] == [-1, 0, 2, 4, 4]
    assert found.gallery[0].frames == ("bbox_test/00-1/00-1C1T0001F001.jpg", "bbox_test/00-1/00-1C1T0001F002.jpg")
    assert all(
        (found.root / frame).is_file() for t in (*found.train, *found.query, *found.gallery) for frame in t.frames
    )
    assert found.queries_in_gallery and found.name == "tiny"


def test_traits_go_onto_their_tracklet(write_mars: Write) -> None:
    traits = {"0002C1T0001": {"group": "g1", "factor": "emblem", "occluded": 1}}
    found = read_layout(write_mars(traits=traits), name="tiny")
    assert found.query[0].traits == traits["0002C1T0001"]
    assert not found.query[1].traits


def test_fingerprint_names_the_content(write_mars: Write) -> None:
    base = write_mars("a")
    moved = write_mars("b")
    other_queries = write_mars("c", queries=(3, 6))
    traits = write_mars("d", traits={"0002C1T0001": {"group": "g1"}})
    pixels = write_mars("e", size=(16, 9))
    prints = [read_layout(root, name="x").fingerprint for root in (base, moved, other_queries, traits, pixels)]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 4


def test_mars_refuses_other_counts_and_accepts_a_subset(mars_tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"training tracklets 6 \(published 8298\).*--subset") as error:
        mars(str(mars_tree))
    assert "\n" not in str(error.value)
    assert mars(str(mars_tree), subset=True).subset
    counts = {
        "training tracklets": 6,
        "training identities": 3,
        "training frames": 81,
        "test tracklets": 7,
        "test identities": 2,
        "test frames": 49,
        "queries": 2,
        "query identities": 2,
        "query frames": 15,
        "junk tracklets": 1,
        "distractor tracklets": 1,
        "cameras": 3,
    }
    monkeypatch.setattr(module, "MARS", replace(module.MARS, counts=counts))
    assert not mars(str(mars_tree)).subset
    assert not mars(str(mars_tree), subset=True).subset


def test_missing_frames_are_counted_and_the_first_is_named(mars_tree: Path) -> None:
    (mars_tree / "bbox_train/0003/0003C1T0001F002.jpg").unlink()
    shutil.rmtree(mars_tree / "bbox_test/0004")
    with pytest.raises(UserError, match=r"0003C1T0001F002.jpg: missing, the first of 30 "):
        read_layout(mars_tree, name="tiny")


def rows(root: Path, part: str, change: Callable[[np.ndarray], None]) -> None:
    file = root / "info" / f"tracks_{part}_info.mat"
    table = loadmat(file)[f"track_{part}_info"].astype(np.int64)
    change(table)
    savemat(file, {f"track_{part}_info": table})


@pytest.mark.parametrize(
    ("cell", "value", "message"),
    [
        ((0, 0), 0, "row 1: frames 0 to"),
        ((5, 1), 82, "row 6: frames 42 to 82 do not lie in the 81 names"),
        ((1, 0), 15, "row 2: frames 15 to 14"),
        ((2, 2), 4, "row 3: says identity 4, camera 1, but lists 0003C1"),
        ((2, 3), 2, "row 3: says identity 3, camera 2, but lists 0003C1"),
        ((0, 1), 6, "row 1: says identity 1, camera 1, but lists 0001C2"),
    ],
)
def test_rows_are_checked_against_their_frames(
    mars_tree: Path, cell: tuple[int, int], value: int, message: str
) -> None:
    rows(mars_tree, "train", lambda table: table.__setitem__(cell, value))
    with pytest.raises(UserError, match=message):
        read_layout(mars_tree, name="tiny")


@pytest.mark.parametrize("name", ["../0001C1T0001F001.jpg", "/etc/passwd", "", "0001C1T0001F001.jpg\x00"])
def test_a_list_cannot_leave_the_root(mars_tree: Path, name: str) -> None:
    file = mars_tree / "info/train_name.txt"
    file.write_text("\n".join([name, *file.read_text().splitlines()[1:]]))
    with pytest.raises(UserError, match=r"train_name.txt: line 1: .* is not a frame name"):
        read_layout(mars_tree, name="tiny")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("tracks_test_info.mat", b"not a matrix", "tracks_test_info.mat: cannot be read as a MATLAB file"),
        ("tracks_test_info.mat", None, "tracks_test_info.mat: no such file"),
        ("query_IDX.mat", None, "query_IDX.mat: no such file"),
        ("test_name.txt", None, "test_name.txt: cannot be read"),
        ("test_name.txt", b"\xff\xfe", "test_name.txt: cannot be read"),
        ("traits.json", b"{", "traits.json: cannot be read as JSON"),
        ("traits.json", b"[1]", "traits.json: must map"),
    ],
)
def test_damaged_info_files_are_named(mars_tree: Path, file: str, content: bytes | None, message: str) -> None:
    path = mars_tree / "info" / file
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        read_layout(mars_tree, name="tiny")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("query_IDX", [[3, 8]], "query row 8 does not lie in the 7"),
        ("query_IDX", [[0, 3]], "query row 0 does not lie"),
        ("query_IDX", [[1, 3]], "query row 1 is junk"),
        ("query_IDX", [[3, 3]], "one twice"),
        ("query_IDX", [[3.5]], "other than whole numbers"),
        ("other", [[3]], "no variable named query_IDX"),
    ],
)
def test_queries_are_checked(mars_tree: Path, variable: str, value: list[list[float]], message: str) -> None:
    savemat(mars_tree / "info/query_IDX.mat", {variable: np.array(value)})
    with pytest.raises(UserError, match=message):
        read_layout(mars_tree, name="tiny")


def test_identities_shared_by_training_and_test_are_refused(write_mars: Write) -> None:
    root = write_mars(train=((2, 1, 1, 4), (3, 1, 1, 4)))
    with pytest.raises(UserError, match="identity 2 is in both"):
        read_layout(root, name="tiny")


def test_junk_cannot_be_trained_on(write_mars: Write) -> None:
    root = write_mars(train=((1, 1, 1, 4), (0, 1, 1, 4)))
    with pytest.raises(UserError, match="not trainable"):
        read_layout(root, name="tiny")


def test_a_root_without_info_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="info: no such folder; the root must hold info, bbox_train"):
        mars(str(tmp_path / "nowhere"))


def test_traits_survive_as_json_values(write_mars: Write) -> None:
    found = read_layout(write_mars(traits={"0004C2T0001": {"occluded": 0}}), name="tiny")
    assert json.dumps(dict(found.gallery[-1].traits)) == '{"occluded": 0}'
