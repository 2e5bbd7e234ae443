"""Small trees in the layouts of the real datasets, written with the real file formats."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import h5py
import numpy as np
from PIL import Image
from scipy.io import savemat

Shot = tuple[int, int, str, int]
"""Identity, camera, name of the tracklet, frames."""

DUKE_TRAIN: tuple[Shot, ...] = ((1, 1, "0001", 70), (1, 2, "0002", 5), (3, 8, "0001", 31), (3, 2, "0010", 64))
DUKE_QUERY: tuple[Shot, ...] = ((2, 1, "0001", 6), (4, 3, "0001", 9))
DUKE_REST: tuple[Shot, ...] = ((2, 2, "0002", 4), (2, 2, "0010", 3), (4, 1, "0002", 2))
DUKE_DISTRACTORS: tuple[Shot, ...] = ((6, 5, "0001", 4), (7, 1, "0001", 1))


def write_frame(path: Path, seed: Sequence[int], size: tuple[int, int] = (8, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(list(seed)).integers(0, 256, (*size, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def write_duke(root: Path, *, old_names: bool = False, distractor: str = "D", first: int = 1) -> Path:
    gap = "" if old_names else "_"
    parts = {"train": DUKE_TRAIN, "query": DUKE_QUERY, "gallery": (*DUKE_QUERY, *DUKE_REST, *DUKE_DISTRACTORS)}
    for part, shots in parts.items():
        for identity, camera, tracklet, frames in shots:
            kind = distractor if (identity, camera, tracklet, frames) in DUKE_DISTRACTORS else "X"
            for number in range(first, first + frames):
                words = (f"{identity:04d}", f"C{camera}", f"F{number:04d}", f"{kind}{1000 * int(tracklet) + number}")
                path = root / part / f"{identity:04d}" / tracklet / f"{gap.join(words)}.jpg"
                write_frame(path, (identity, camera, int(tracklet), number))
    return root


LSVID_TRAIN: tuple[tuple[int, int, int], ...] = ((0, 1, 70), (0, 15, 5), (7, 2, 8), (7, 1, 64))
LSVID_TEST: tuple[tuple[int, int, int], ...] = ((1, 1, 4), (1, 10, 3), (2, 3, 5), (2, 1, 2), (2, 10, 6))
LSVID_QUERIES: tuple[int, ...] = (1, 3)
"""Identity, camera and frames of each line of a list; queries from 1."""


def write_lsvid(root: Path, *, info: str = "hdf5", queries: Sequence[int] = LSVID_QUERIES, padded: bool = True) -> Path:
    rows: dict[str, list[tuple[int, int, int, int]]] = {"train": [], "test": []}
    (root / "list_sequence").mkdir(parents=True)
    for part, shots in (("train", LSVID_TRAIN), ("test", LSVID_TEST)):
        lines = []
        for track, (identity, camera, frames) in enumerate(shots, start=1):
            seen = f"{camera:02d}" if padded else f"{camera}"
            prefix = f"tracklet_{part}/{identity:04d}/{identity:04d}_{track:03d}_{seen}"
            for number in range(1, frames + 1):
                write_frame(root / f"{prefix}_{number}.jpg", (identity, camera, track, number))
            lines.append(f"{prefix} {identity}\n")
            first = sum(last - start + 1 for start, last, *_ in rows[part]) + 1
            rows[part].append((first, first + frames - 1, identity + 40, camera))
        (root / "list_sequence" / f"list_seq_{part}.txt").write_text("".join(lines))
    if info == "hdf5":
        (root / "test" / "data").mkdir(parents=True)
        with h5py.File(root / "test" / "data" / "info_test.mat", "w") as file:
            # MATLAB keeps a column of queries and a row a tracklet; in HDF5 both lie the other way round.
            file["query"] = np.array([queries], dtype=np.float64)
            file["info_test"] = np.array(rows["test"], dtype=np.float64).T
    else:
        (root / "test").mkdir(parents=True, exist_ok=True)
        np.save(root / "test" / "query.npy", np.array(queries, dtype=np.float64))
        np.save(root / "test" / "info_test.npy", np.array(rows["test"], dtype=np.float64))
    return root


ILIDS_PERSONS = (1, 2, 10, 14)
"""Their folders sort otherwise as texts than as numbers if the zeros in front are gone."""


def ilids_splits(count: int = len(ILIDS_PERSONS)) -> np.ndarray:
    return np.stack([np.random.default_rng(seed).permutation(count) + 1 for seed in range(10)])


def write_ilids(root: Path, *, persons: Iterable[int] = ILIDS_PERSONS, splits: np.ndarray | None = None) -> Path:
    for camera in (1, 2):
        for person in persons:
            for number in range(18, 18 + person % 3 + camera):
                name = f"cam{camera}_person{person:03d}_{number:05d}.png"
                folder = root / "i-LIDS-VID/sequences" / f"cam{camera}" / f"person{person:03d}"
                write_frame(folder / name, (person, camera, number))
    (root / "train-test people splits").mkdir()
    file = root / "train-test people splits/train_test_splits_ilidsvid.mat"
    savemat(file, {"ls_set": ilids_splits() if splits is None else splits})
    return root


PRID_PERSONS = (1, 2, 3, 7, 12, 198)


def prid_splits() -> list[dict[str, list[str]]]:
    splits = []
    for seed in range(10):
        names = [f"person_{person:04d}" for person in np.random.default_rng(seed).permutation(PRID_PERSONS)]
        splits.append({"train": names[:3], "test": names[3:]})
    return splits


def write_prid(root: Path) -> Path:
    for place, camera in enumerate("ab"):
        for person in (*PRID_PERSONS, 385):
            for number in range(1, 4 + place):
                folder = root / "prid_2011/multi_shot" / f"cam_{camera}" / f"person_{person:04d}"
                write_frame(folder / f"{number:04d}.png", (person, place, number))
    (root / "splits_prid2011.json").write_text(json.dumps(prid_splits()))
    return root


CCVID_LISTS = {
    "train": ("session1/001_01 001 u0_l0_s0_c0_a0", "session1/001_09 001 u1_l0_s0_c0_a0", "session3/004_02 004 u0_l0"),
    "query": ("session2/002_01 002 u0_l0_s0_c0_a0", "session2/002_03 002 u0_l0_s0_c0_a0", "session3/003_10 003 u0_l1"),
    "gallery": (
        "session1/002_12 002 u0_l0_s0_c0_a0",
        "session3/002_01 002 u2_l1_s0_c1_a0",
        "session1/003_10 003 u0_l0",
        "session2/003_10 003 u0_l1",
    ),
}
"""Person 3 is in one outfit in session 1 and in another in sessions 2 and 3; person 2 changes for session 3."""


def write_ccvid(root: Path) -> Path:
    for place, (part, lines) in enumerate(CCVID_LISTS.items()):
        for number, line in enumerate(lines):
            for frame in range(1, 4 + number):
                write_frame(root / line.split()[0] / f"{frame:05d}.jpg", (place, number, frame))
        (root / f"{part}.txt").write_text("".join("\t".join(line.split()) + "\n" for line in lines))
    return root


MEVID_ROWS = {
    "train": ((103, 20, 424, 3), (103, 21, 300, 2), (0, 1, 300, 2)),
    "test": ((201, 3, 330, 3), (201, 3, 329, 2), (201, 4, 505, 4), (208, 1, 330, 2), (208, 1, 505, 3)),
}
"""For each tracklet the person, the outfit, the camera and how many frames; the first and fourth tested are queries."""


def write_mevid(root: Path) -> Path:
    for part, rows in MEVID_ROWS.items():
        names: list[str] = []
        lines = []
        for track, (person, outfit, camera, frames) in enumerate(rows):
            lines.append(f"{len(names):.6e} {len(names) + frames - 1:.6e} {person} {outfit} {camera}")
            for frame in range(frames):
                names.append(f"{person:04d}O{outfit:03d}C{camera}T{track:03d}F{frame:05d}.jpg")
                write_frame(root / f"bbox_{part}" / f"{person:04d}" / names[-1], (person, track, frame))
        (root / f"{part}_name.txt").write_text("\n".join(names) + "\n")
        (root / f"track_{part}_info.txt").write_text("\n".join(lines) + "\n")
    (root / "query_IDX.txt").write_text("0.0\n3.0\n")
    return root


LISTED = """part,person,camera,frames,note
train,anna,north,people/anna/north,
train,anna,south,people/anna/south,"to the left, slowly"
train,bert,north,people/bert/*n_*.png,

query,carl,north,people/carl/n,
gallery,carl,south,people/carl/s,
gallery,distractor,south,strangers/*,
gallery,junk,south,bits,
"""

LISTED_FRAMES = {
    "people/anna/north": ("2.jpg", "10.jpg", "1.jpg"),
    "people/anna/south": ("1.jpg", "2.jpg"),
    "people/bert": ("bn_1.png", "bn_2.png", "bs_1.png"),
    "people/carl/n": ("1.jpg", "notes.txt", "2.jpg"),
    "people/carl/s": ("1.jpg",),
    "strangers": ("1.jpg", "2.jpg"),
    "bits": ("1.jpg",),
}


def write_listed(root: Path, text: str = LISTED) -> Path:
    for folder, names in LISTED_FRAMES.items():
        for number, name in enumerate(names):
            if name.endswith(".txt"):
                (root / folder / name).write_text("")
            else:
                write_frame(root / folder / name, (len(folder), number))
    (root / "tracklets.csv").write_text(text, encoding="utf-8")
    return root
