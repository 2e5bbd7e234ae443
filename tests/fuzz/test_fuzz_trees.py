"""Damaged dataset trees of every layout: read, checked and described, or refused; never a frame outside the root."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import h5py
import numpy as np
import pytest
import trees
from hypothesis import given
from hypothesis import strategies as st
from mutations import damaged_bytes, damaged_json
from scipy import sparse
from scipy.io import savemat
from trying import attempt, cases, command

from reidbench import registry
from reidbench.data import synthetic
from reidbench.data.checkup import check_tree
from reidbench.data.description import describe
from reidbench.data.info_files import read_array, read_hdf5, read_json, read_lines, read_matlab
from reidbench.data.tracklets import Dataset
from reidbench.soundness import tree_fault
from reidbench.spec import UserError

LAYOUTS = ("mars", "synthetic", "duke", "duke old", "lsvid", "lsvid npy", "ilids", "prid", "ccvid", "mevid", "listed")
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small tree of every layout."""
    home = tmp_path_factory.mktemp("sound")
    few = {"train_ids": 2, "test_ids": 2, "cameras": 2, "frames": 2, "height": 16, "width": 8}
    synthetic.write_synthetic(home / "mars", **few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "DUKE_TRAIN", ((1, 1, "0001", 3), (3, 8, "0001", 2)))
        patch.setattr(trees, "LSVID_TRAIN", ((0, 1, 3), (0, 15, 2), (7, 2, 2)))
        trees.write_duke(home / "duke")
        trees.write_duke(home / "duke old", old_names=True)
        trees.write_lsvid(home / "lsvid")
        trees.write_lsvid(home / "lsvid npy", info="numpy")
    trees.write_ilids(home / "ilids")
    trees.write_prid(home / "prid")
    trees.write_ccvid(home / "ccvid")
    trees.write_mevid(home / "mevid")
    trees.write_listed(home / "listed")
    return {name: home / ("mars" if name == "synthetic" else name) for name in LAYOUTS}


ODD_NAMES: tuple[bytes, ...] = (
    *(b"\xff\xfe.jpg", b"a\nb.jpg", b"\x1b[31m.jpg", b"x" * 250 + b".jpg", b".jpg", b"...jpg", b"-rf.jpg", b"~.jpg"),
    *(b"0001C1T0001F001.jpg", b"0001C1T0001F999.JPG", b"0001_C1_F0001_X1.jpg", b"0001_C1_F0001_D9.jpg", b"con.png"),
    *(b"0001_001_\xd9\xa3_1.jpg", "é.jpg".encode(), b"9" * 200 + b".jpg", b"0001", b"0000", b"00-1", b"person"),
    *(b"person_0001", b"person999999999999999999999", b"person_" + b"9" * 40, b"cam1_person001_18.png", b"0001.png"),
    *(b"0001_001_" + b"9" * 30 + b"_1.jpg", b"0001_001__1.jpg", b"9999", b" ", b"%s", b"$(touch x)", b"*"),
)

ODD_LINES: tuple[str, ...] = (
    *(
        "",
        " ",
        "/etc/passwd 1",
        "../../etc/passwd 1",
        "tracklet_test/../../../etc 1",
        "tracklet_test/0001/ 1",
        "\x00 1",
    ),
    *("tracklet_test/0001/0001_001_01 " + "9" * 5000, "tracklet_test/0001/0001_001_01 -1", "tracklet_test/\x00/a 1"),
    *(
        "C:\\windows\\x 1",
        "a" * 5000 + " 1",
        "a/" * 3000 + "x 1",
        "tracklet_test/0001/0001_001_01 99999999999999999999",
    ),
    *(
        "0001C1T0001F001.jpg",
        "../0001C1T0001F001.jpg",
        "00-1C1T0001F001.jpg",
        "0001C1T" + "9" * 5000 + "F1.jpg",
        "\x1c",
    ),
    *(
        "query,carl,north,/etc/passwd,",
        "gallery,carl,north,../../etc/*,",
        "train,anna",
        "part,part,part,part",
        ",,,,",
        '"',
    ),
    *("gallery,1,1,people/carl/[,", "gallery,-1,0,*,", "gallery,²,9999999999,bits,", "gallery,junk,\x00,\x00,"),
    *("/0001C1T0001F001.jpg", "tracklet_train/0000/0000_001_01 0", "tracklet_test/0001 1", "0 1", "é 1", "\x7f 1"),
)

ODD_NUMBERS: tuple[Any, ...] = (
    *(np.zeros((0, 0)), np.array(1), np.array([[1.5]]), np.array([[np.nan]]), np.array([[1e300]]), np.array([["a"]])),
    *(np.array([[2**63]], np.uint64), np.array([[-1, 0, 1, 2]]), np.zeros((3, 4, 2)), np.arange(12).reshape(3, 4)),
    *(np.array([[1, 1, 0, 1]]), np.array([[1, 2, -1, 1]]), np.array([[1, 10**6, 1, 1]]), np.array([[2, 1, 1, 1]])),
    *(
        np.array([[1, 2, 3, 3]]),
        np.array([[True, False]]),
        np.array([[1 + 1j]]),
        np.full((10, 4), 1),
        np.ones((1, 500)),
    ),
    *(np.full((10, 4), 2**53), np.arange(40).reshape(10, 4), np.array([[2**31]]), np.array([[1e15]]), np.ones((1, 1))),
)
ODD_MATLAB: tuple[Any, ...] = (
    *ODD_NUMBERS,
    sparse.csc_matrix(np.eye(4)),
    {"a": np.eye(2)},
    np.array([[np.eye(2), "x"]], dtype=object),
)


def info_files(root: Path) -> list[Path]:
    return sorted(
        path for path in root.rglob("*") if path.suffix in (".txt", ".csv", ".mat", ".npy", ".json") and path.is_file()
    )


def put(path: Path, content: bytes) -> None:
    """Writes a file that may be a link into the sound tree, which stays as it is."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def odd_hdf5(path: Path, key: str, kind: str, numbers: Any, outside: Path) -> None:
    """An HDF5 file whose variable is odd in some way of that format."""
    path.unlink(missing_ok=True)
    with h5py.File(path, "w") as file:
        if kind == "numbers" and np.asarray(numbers).dtype.kind != "U":
            file[key] = numbers
        elif kind == "group":
            file.create_group(key)
        elif kind == "external link":
            file[key] = h5py.ExternalLink(str(outside), key)
        elif kind == "soft link":
            file["x"], file[key] = np.ones((1, 2)), h5py.SoftLink("/x")
        elif kind == "loop":
            file[key] = h5py.SoftLink(f"/{key}")
        elif kind == "huge":
            file.create_dataset(key, shape=(2**20, 2**20), dtype="f8", chunks=(1024, 1024))
        elif kind == "external storage":
            file.create_dataset(key, shape=(1, 2), dtype="u1", external=[(b"/etc/passwd", 0, 2)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape=(1, 2), dtype="f8")
            layout[:] = h5py.VirtualSource(str(outside), key, shape=(1, 2))
            file.create_virtual_dataset(key, layout)
        elif kind == "empty":
            file[key] = h5py.Empty("f8")
        else:
            file[key] = "text"


HDF5_KINDS = ("numbers", "numbers", "group", "external link", "soft link", "loop", "huge", "virtual", "empty", "text")
HDF5_KINDS += ("external storage",)


@st.composite
def change(draw) -> Callable[[Path], None]:
    """Something that goes wrong with a tree."""
    kind = draw(st.sampled_from(["info", "info", "info", "info", "line", "line", "name", "entry", "entry", "frame"]))
    pick = draw(st.integers(0, 10**6))

    def chosen(found: list[Path]) -> Path | None:
        return found[pick % len(found)] if found else None

    if kind == "info":
        data = draw(st.data())
        return lambda root: _damage_info(data, chosen(info_files(root)), root)
    if kind == "line":
        line, lines = draw(st.sampled_from(ODD_LINES)), draw(st.integers(0, 30))
        double = draw(st.booleans())
        return lambda root: _damage_lines(
            chosen([p for p in info_files(root) if p.suffix in (".txt", ".csv")]), line, lines, double
        )
    if kind == "name":
        name = draw(st.sampled_from(ODD_NAMES))
        return lambda root: _rename(chosen(sorted(root.rglob("*"))), name)
    if kind == "frame":
        data = draw(st.data())
        return lambda root: _damage_frame(
            data, chosen([p for p in sorted(root.rglob("*")) if p.suffix in (".jpg", ".png") and p.is_file()])
        )
    what = draw(st.sampled_from(["delete", "file", "folder", "outside", "loop", "pipe", "dangling", "device", "root"]))
    return lambda root: _replace(chosen(sorted(root.rglob("*"))), what, root)


def _damage_info(data: st.DataObject, path: Path | None, root: Path) -> None:
    if path is None:
        return
    content = path.read_bytes()
    if path.suffix == ".json" and (sound_json := _sound_json(content)) is not None:
        put(path, data.draw(damaged_json(sound_json)))
        return
    if path.suffix in (".txt", ".csv", ".json") or data.draw(st.integers(0, 2)) == 0:
        put(path, data.draw(damaged_bytes(content)))
        return
    numbers = data.draw(st.sampled_from(ODD_MATLAB if path.suffix == ".mat" else ODD_NUMBERS))
    if path.suffix == ".npy":
        path.unlink()
        np.save(path, numbers)
        return
    hdf5 = content.startswith(b"\x89HDF")
    keys = ("query", "info_test") if hdf5 else ("track_train_info", "track_test_info", "query_IDX", "ls_set")
    key = data.draw(st.sampled_from([key for key in keys if hdf5 or key.encode() in content] or keys))
    if hdf5:
        odd_hdf5(path, key, data.draw(st.sampled_from(HDF5_KINDS)), data.draw(st.sampled_from(ODD_NUMBERS)), path)
    else:
        path.unlink()
        savemat(path, {key: numbers}, do_compression=data.draw(st.booleans()))


def _sound_json(content: bytes) -> Any:
    """What a JSON file holds; None where it was damaged already."""
    try:
        found = json.loads(content)
        return None if tree_fault(found) else found
    except (ValueError, RecursionError):
        return None


def _damage_lines(path: Path | None, line: str, number: int, double: bool) -> None:
    if path is not None:
        lines = path.read_text(errors="replace").split("\n")
        lines[number % len(lines) : number % len(lines) + (not double)] = [line]
        put(path, "\n".join(lines).encode())


def _damage_frame(data: st.DataObject, path: Path | None) -> None:
    if path is not None and path.stat().st_size < 10**6:
        put(path, data.draw(damaged_bytes(path.read_bytes())))


def _rename(path: Path | None, name: bytes) -> None:
    if path is not None:
        target = path.parent / os.fsdecode(name)
        if not os.path.lexists(target):
            path.rename(target)


def _replace(path: Path | None, what: str, root: Path) -> None:
    if path is None:
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    if what == "file":
        path.write_bytes(b"")
    elif what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what != "delete":
        targets = {"outside": "/etc/passwd", "loop": path, "dangling": "/nowhere", "device": "/dev/zero", "root": root}
        path.symlink_to(targets[what])


def copied(root: Path) -> Path:
    """A tree of links to the files of a sound one."""
    target = Path(f"tree{next(NUMBERS)}").resolve()
    shutil.copytree(root, target, copy_function=os.link)
    return target


def arguments_of(layout: str, root: Path) -> dict[str, Any]:
    options = registry.datasets()[layout.split()[0]].options
    return {"root": str(root), **({"subset": True} if "subset" in options else {})}


def read(layout: str, root: Path) -> None:
    entry = registry.datasets()[layout.split()[0]]
    found = entry.load()(**arguments_of(layout, root))
    stays_inside(found)
    describe(found)


def stays_inside(found: Dataset) -> None:
    for tracklet in (*found.train, *found.query, *found.gallery):
        assert tracklet.frames and abs(tracklet.identity) < 2**31 and abs(tracklet.camera) < 2**31
        for frame in tracklet.frames:
            path = PurePosixPath(frame)
            assert not path.is_absolute() and ".." not in path.parts, frame


def checked(layout: str, root: Path) -> None:
    entry = registry.datasets()[layout.split()[0]]
    check_tree(entry, arguments_of(layout, root), decode=True, progress=lambda *_: None)


@cases(90, 1200)
@given(data=st.data(), layout=st.sampled_from(LAYOUTS))
def test_reading(sound: dict[str, Path], data: st.DataObject, layout: str) -> None:
    root = copied(sound[layout])
    try:
        for _ in range(data.draw(st.integers(1, 2))):
            data.draw(change())(root)
        attempt(f"tree, {layout.split()[0]}", lambda: read(layout, root))
        if data.draw(st.integers(0, 4)) == 0:
            attempt(f"tree, {layout.split()[0]}", lambda: checked(layout, root))
    finally:
        shutil.rmtree(root)


@cases(12, 150)
@given(data=st.data(), layout=st.sampled_from(LAYOUTS))
def test_commands(sound: dict[str, Path], data: st.DataObject, layout: str) -> None:
    root = copied(sound[layout])
    try:
        data.draw(change())(root)
        action = data.draw(st.sampled_from([["check"], ["check", "--decode"], ["check", "--json"], ["describe"]]))
        arguments = ["data", action[0], layout.split()[0], "--root", str(root), *action[1:]]
        command("tree, command", arguments, verdict=action[0] == "check")
    finally:
        shutil.rmtree(root)


READERS: dict[str, Callable[[Path], object]] = {
    "five.mat": lambda file: read_matlab(file, "t"),
    "seven.mat": lambda file: read_hdf5(file, "t"),
    "array.npy": read_array,
    "list.txt": lambda file: read_lines(file, "names"),
    "tree.json": read_json,
}


@pytest.fixture(scope="module")
def info_samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    home = tmp_path_factory.mktemp("info")
    table = np.arange(8.0).reshape(2, 4)
    savemat(home / "five.mat", {"t": table})
    savemat(home / "packed.mat", {"t": table}, do_compression=True)
    with h5py.File(home / "seven.mat", "w") as file:
        file["t"] = table
    np.save(home / "array.npy", table)
    (home / "list.txt").write_text("0001C1T0001F001.jpg\n" * 3)
    (home / "tree.json").write_text(json.dumps([{"train": ["person_0001"], "test": ["person_0002"]}]))
    return {path.name: path.read_bytes() for path in home.iterdir()}


@cases(80, 1500)
@given(data=st.data())
def test_info_files(info_samples: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(info_samples)))
    path = Path("info") / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.draw(damaged_bytes(info_samples[name])))
    attempt(f"info file, {path.suffix[1:]}", lambda: READERS[name.replace("packed", "five")](path))


@pytest.mark.parametrize("kind", ["external link", "soft link", "huge", "external storage", "virtual", "empty"])
def test_hdf5_that_reads_other_files_or_claims_more_than_memory_is_refused(kind: str) -> None:
    path, outside = Path("info_test.mat"), Path("outside.mat").resolve()
    with h5py.File(outside, "w") as file:
        file["query"] = np.ones((1, 2))
    odd_hdf5(path, "query", kind, None, outside)
    with pytest.raises(UserError, match=r"info_test\.mat: cannot be read as an HDF5 file .*query"):
        read_hdf5(path, "query")


@pytest.mark.parametrize("numbers", [np.array([[2**63]], np.uint64), np.array([[1e300]]), np.array([[2.0**54]])])
def test_numbers_beyond_what_is_exact_are_refused(numbers: np.ndarray) -> None:
    """2**63 of uint64 came as a negative number."""
    np.save("a.npy", numbers)
    with pytest.raises(UserError, match="something other than whole numbers"):
        read_array(Path("a.npy"))


@pytest.mark.parametrize(
    "line",
    [
        "tracklet_test/0001/0001_001_01 " + "9" * 5000,
        "tracklet_test/\x00/0001_001_01 1",
        "C:\\0001\\0001_001_01 1",
        "../tracklet_test/0001/0001_001_01 1",
        "/etc/0001_001_01 1",
    ],
)
def test_a_list_cannot_name_what_is_no_tracklet_below_the_root(sound: dict[str, Path], line: str) -> None:
    root = copied(sound["lsvid"])
    _damage_lines(root / "list_sequence/list_seq_test.txt", line, 0, True)
    with pytest.raises(UserError, match=r"line 1: .* is not a path below the root and an identity"):
        read("lsvid", root)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_in_the_place_of_a_file_is_not_waited_for(
    sound: dict[str, Path], layout: str, kind: str
) -> None:
    root = copied(sound[layout])
    for path in info_files(root) or sorted(root.rglob("*.jpg")):
        _replace(path, kind, root)
    assert attempt(f"tree, {layout.split()[0]}", lambda: read(layout, root)) == "refused"


@pytest.mark.parametrize("layout", ["mars", "duke", "lsvid", "ilids", "prid", "ccvid", "mevid"])
def test_links_are_followed_and_what_they_lead_to_is_read_as_an_image_alone(
    sound: dict[str, Path], layout: str
) -> None:
    """A dataset may be put together of links: whoever laid out the folder chose them. A list of names cannot."""
    linked = Path("linked")
    linked.mkdir()
    for part in sound[layout].iterdir():
        (linked / part.name).symlink_to(part)
    read(layout, linked)
    root = copied(sound[layout])
    frames = sorted(path for path in root.rglob("*") if path.suffix in (".jpg", ".png"))
    for frame in frames:
        _replace(frame, "outside", root)
    with pytest.raises(UserError, match="damaged frame"):
        read(layout, root)


def test_a_frame_of_a_synthetic_tree_that_is_a_pipe_is_not_waited_for(sound: dict[str, Path]) -> None:
    root = copied(sound["synthetic"])
    frame = sorted(root.rglob("*.jpg"))[1]
    _replace(frame, "pipe", root)
    with pytest.raises(UserError, match=f"{frame.name}: damaged since it was written"):
        read("synthetic", root)


def test_a_persons_name_with_thousands_of_digits_is_refused(sound: dict[str, Path]) -> None:
    root = copied(sound["prid"])
    splits = json.loads((root / "splits_prid2011.json").read_text())
    splits[0]["train"][0] = "person_" + "9" * 5000
    put(root / "splits_prid2011.json", json.dumps(splits).encode())
    with pytest.raises(UserError, match="must hold 10 splits"):
        read("prid", root)


def test_odd_traits_are_refused(sound: dict[str, Path]) -> None:
    root = copied(sound["mars"])
    traits = json.loads((root / "info/traits.json").read_text())
    for odd in ({"occluded": "yes"}, {"group": ["g1"]}, {"factor": None}):
        put(root / "info/traits.json", json.dumps({**traits, next(iter(traits)): odd}).encode())
        with pytest.raises(UserError, match="must map tracklets to traits"):
            read("mars", root)


def test_a_link_that_leads_to_itself_is_named(sound: dict[str, Path]) -> None:
    root = copied(sound["duke"])
    shutil.rmtree(root / "gallery/0002")
    (root / "gallery/0002").symlink_to("0002")
    with pytest.raises(UserError, match=r"gallery/0002: cannot be looked at .Too many levels"):
        read("duke", root)
