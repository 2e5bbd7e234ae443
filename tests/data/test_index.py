"""The index: built once, taken again only while the tree is as it was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from trees import write_ccvid, write_duke, write_frame, write_ilids, write_lsvid, write_prid

from reidbench.data import ccvid, census, duke, ilids, index, lsvid, mars, prid
from reidbench.data.census import TreeError
from reidbench.data.tracklets import Dataset
from reidbench.data.tree import Tree


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trees that were written a moment ago count as settled; what changes afterwards is seen all the same."""
    monkeypatch.setattr(index, "SETTLED", -60.0)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[Tree]:
    """Every tree that is really read."""
    made: list[Tree] = []

    class Noted(Tree):
        def __init__(self, root: Path) -> None:
            super().__init__(root)
            made.append(self)

    monkeypatch.setattr(index, "Tree", Noted)
    return made


LAYOUTS: dict[str, tuple[Callable[[Path], Path], Callable[..., Dataset]]] = {
    "duke": (write_duke, duke.duke),
    "lsvid": (write_lsvid, lsvid.lsvid),
    "ilids": (write_ilids, ilids.ilids),
    "prid": (write_prid, prid.prid),
    "ccvid": (write_ccvid, ccvid.ccvid),
}


@pytest.fixture(params=[*LAYOUTS, "mars"])
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Callable[..., Dataset]]:
    if request.param == "mars":
        return request.getfixturevalue("mars_tree"), mars.mars
    write, load = LAYOUTS[request.param]
    return write(tmp_path / request.param), load


def test_what_is_kept_is_what_was_read(layout: tuple[Path, Callable[..., Dataset]], readings: list[Tree]) -> None:
    root, load = layout
    first = load(str(root), subset=True)
    assert load(str(root), subset=True) == first and first.fingerprint
    assert len(readings) == 1
    with pytest.raises(TreeError, match="differs from the published") as error:
        load(str(root))
    assert len(readings) == 1 and error.value.found and error.value.found.release


def test_a_root_whose_name_is_no_text_is_kept_like_any_other(tmp_path: Path, readings: list[Tree]) -> None:
    root = write_prid(tmp_path / os.fsdecode(b"donn\xe9es"))
    assert prid.prid(str(root), subset=True) == prid.prid(str(root), subset=True)
    assert len(readings) == 1


def test_each_change_of_the_tree_is_seen(layout: tuple[Path, Callable[..., Dataset]], readings: list[Tree]) -> None:
    root, load = layout
    before = load(str(root), subset=True)
    write_frame(root / before.train[0].frames[0], (5, 5))
    assert load(str(root), subset=True).fingerprint != before.fingerprint
    assert len(readings) == 2, "a frame of the sample was overwritten"

    lists = [root / name for name in readings[0].seen if name.endswith((".mat", ".txt", ".json", ".npy"))]
    for number, file in enumerate((file for file in lists if file.exists()), start=3):
        file.touch()
        load(str(root), subset=True)
        assert len(readings) == number, f"{file} was written"

    seen, lost = len(readings), root / before.train[-1].frames[-1]
    lost.rename(root / "away")
    with suppress(TreeError):
        load(str(root), subset=True)
    assert len(readings) == seen + 1, "a frame was taken away"


def test_frames_are_not_looked_at_one_by_one(layout: tuple[Path, Callable[..., Dataset]], readings: list[Tree]) -> None:
    root, load = layout
    found = load(str(root), subset=True)
    looked_at = {root / name for name in readings[0].seen}
    folders = {(root / frame).parent for t in (*found.train, *found.query, *found.gallery) for frame in t.frames}
    assert folders <= looked_at
    assert sum(path.suffix in (".jpg", ".png") for path in looked_at) <= census.SAMPLED


def test_a_file_that_was_not_there_counts_too(mars_tree: Path, readings: list[Tree]) -> None:
    assert not mars.mars(str(mars_tree), subset=True).query[0].traits
    (mars_tree / "info/traits.json").write_text('{"0002C1T0001": {"group": "g1"}}')
    assert mars.mars(str(mars_tree), subset=True).query[0].traits == {"group": "g1"}


def test_what_is_still_changing_is_not_kept(
    tmp_path: Path, readings: list[Tree], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "SETTLED", 2.0)
    root = write_prid(tmp_path / "prid")
    assert prid.prid(str(root), subset=True) == prid.prid(str(root), subset=True)
    assert len(readings) == 2


def test_another_option_root_or_reader_is_another_index(
    tmp_path: Path, readings: list[Tree], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_prid(tmp_path / "prid")
    first = prid.prid(str(root), subset=True)
    assert prid.prid(str(root), subset=True, split=2) != first
    assert prid.prid(str(shutil.copytree(root, tmp_path / "other")), subset=True).root == tmp_path / "other"
    assert prid.prid(str(root), subset=True) == first and len(readings) == 3
    monkeypatch.chdir(tmp_path)
    assert prid.prid("prid", subset=True).root == Path("prid"), "the same tree by another path"
    assert len(readings) == 3
    monkeypatch.setattr(index, "_version", lambda: "newer")
    assert prid.prid(str(root), subset=True) == first and len(readings) == 4


def test_forgetting_reads_anew(tmp_path: Path, readings: list[Tree], cache: Path) -> None:
    root = write_prid(tmp_path / "prid")
    prid.prid(str(root), subset=True)
    assert list(cache.rglob("*.json"))
    index.forget(root)
    assert not list(cache.rglob("*.json"))
    index.forget(root)
    prid.prid(str(root), subset=True)
    assert len(readings) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", '{"seen": {}}', '{"version": 1, "seen": []}', None])
def test_a_damaged_index_is_made_anew(tmp_path: Path, readings: list[Tree], cache: Path, content: str | None) -> None:
    root = write_prid(tmp_path / "prid")
    first = prid.prid(str(root), subset=True)
    (file,) = cache.rglob("*.json")
    if content is None:
        kept = json.loads(file.read_text())
        kept["dataset"]["query"][0] = kept["dataset"]["query"][0][:3]
        content = json.dumps(kept)
    file.write_text(content)
    assert prid.prid(str(root), subset=True) == first and len(readings) == 2


def test_what_cannot_be_read_is_not_kept(tmp_path: Path, readings: list[Tree]) -> None:
    root = write_prid(tmp_path / "prid")
    lost = root / "prid_2011/multi_shot/cam_a/person_0001"
    lost.rename(tmp_path / "away")
    for _ in range(2):
        with pytest.raises(TreeError, match="person_0001: missing"):
            prid.prid(str(root), subset=True)
    (tmp_path / "away").rename(lost)
    assert prid.prid(str(root), subset=True).query
    assert len(readings) == 3
