"""Damaged feature files: `score` takes them or names them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import damaged_bytes, damaged_tree
from trying import attempt, cases, command

from reidbench.data.tracklets import DISTRACTOR, Dataset, Tracklet
from reidbench.experiments.scoring import score_protocols
from reidbench.retrieval.features import Embedded, Pooling
from reidbench.retrieval.features_file import KINDS, read_features, write_features
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import UserError

PROTOCOL_NAMES = ("release", "euclidean", "reranked", "no_distractors", "mars_matlab")


def _sample(folder: Path) -> bytes:
    def tracklet(identity: int, camera: int) -> Tracklet:
        return Tracklet((f"{identity}/{camera}.jpg",), identity, camera, {"group": f"g{identity // 2}"})

    query = tuple(tracklet(i, 1) for i in (1, 2, 3))
    gallery = (tracklet(DISTRACTOR, 2), *(tracklet(i, c) for i in (1, 2, 3) for c in (2, 3)))
    vectors = np.random.default_rng(0).normal(size=(10, 6)).astype(np.float32)
    dataset = Dataset("mars", Path("/data"), (), query, gallery, "f" * 64, True)
    embedded = Embedded(dataset, (*query, *gallery), {Pooling(8, "all", "after"): vectors}, 8)
    about = {"row": "ours", "model": "bicnet", "options": {"alpha": 3}, "dataset_options": {"split": 1}}
    write_features(folder / "sound.npz", embedded, about)
    return (folder / "sound.npz").read_bytes()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return _sample(tmp_path_factory.mktemp("features"))


def arrays_of(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content)) as file:
        return {name: file[name] for name in KINDS}


ODD_ARRAYS: tuple[Any, ...] = (
    *(np.array(3), np.zeros((0, 6), np.float32), np.zeros((10, 0), np.float32), np.zeros((3, 2, 2)), np.array("{}")),
    *(np.full((10, 6), np.nan), np.full((10, 6), 1e300), np.full((10, 6), 1e30, np.float32), np.array([b"x"] * 10)),
    *(np.zeros((10, 6)), np.ones((10, 6), np.float16), np.full(10, -1), np.full(10, 2**62), np.zeros(10, np.int8)),
    *(np.ones(10, bool), np.zeros(10, bool), np.arange(10)[::-1] < 3, np.array(["\ud800"] * 10), np.arange(10) < 9),
    *(
        np.array([""] * 10),
        np.zeros(10, "M8[s]"),
        np.zeros(10, [("a", "i4")]),
        np.zeros(10, "V3"),
        np.array(["x" * 999]),
    ),
    *(np.zeros((10, 6), ">f4"), np.arange(10), np.full((10, 6), -np.inf), np.zeros(10, complex), np.zeros(11, int)),
)


@st.composite
def damaged_features(draw, sample: bytes) -> bytes:
    kind = draw(st.sampled_from(["bytes", "array", "array", "about", "about", "member"]))
    if kind == "bytes":
        return draw(damaged_bytes(sample))
    arrays = arrays_of(sample)
    if kind == "about":
        arrays["about"] = np.array(json.dumps(draw(damaged_tree(json.loads(str(arrays["about"])), most=2))))
    elif kind == "array":
        for _ in range(draw(st.integers(1, 2))):
            name = draw(st.sampled_from(sorted(arrays)))
            arrays[name] = draw(st.sampled_from([*ODD_ARRAYS, *arrays.values()]))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_BZIP2]))) as file:
        chosen = draw(st.sampled_from(sorted(arrays))) if kind == "member" else ""
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            inside = draw(damaged_bytes(member.getvalue())) if name == chosen else member.getvalue()
            file.writestr(f"{name}.npy", inside)
    return written.getvalue()


def score(path: Path) -> None:
    embedded, _ = read_features(path)
    held = [PROTOCOLS[name] for name in PROTOCOL_NAMES if embedded.fits(PROTOCOLS[name])]
    if held:
        for one in score_protocols(embedded, held):
            assert one.outcome is None or np.isfinite(one.outcome.samples["ap"]).all()


@cases(90, 1200)
@given(data=st.data())
def test_features(sample: bytes, data: st.DataObject) -> None:
    path = Path("features.npz")
    path.write_bytes(data.draw(damaged_features(sample)))
    attempt("features", lambda: score(path))


@cases(10, 100)
@given(data=st.data())
def test_score_commands(sample: bytes, data: st.DataObject) -> None:
    Path("features.npz").write_bytes(data.draw(damaged_features(sample)))
    options = data.draw(st.sampled_from([[], ["--json"], ["--protocol", "release", "reranked"]]))
    command("features, command", ["score", "features.npz", *options])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vector": np.full((10, 6), 1e300)}, "vector holds NaN or numbers beyond"),
        ({"vector": np.zeros((10, 0), np.float32)}, "vector holds no numbers"),
        ({"identity": np.full(10, -1)}, "a query is junk or a distractor"),
        ({"about": {"dataset_options": 3}}, "about.dataset_options is of another type"),
        ({"about": {"pooling": {"frames": 3, "clips": [], "neck": ""}}}, "it does not say"),
    ],
)
def test_what_is_refused(sample: bytes, changes: dict[str, Any], message: str) -> None:
    arrays = arrays_of(sample)
    about = json.loads(str(arrays["about"])) | changes.get("about", {})
    np.savez("features.npz", **(arrays | changes | {"about": np.array(json.dumps(about))}))
    with pytest.raises(UserError, match=message):
        read_features(Path("features.npz"))


def test_features_pooled_as_no_protocol_does_are_refused(sample: bytes) -> None:
    """`score` without a protocol ended in an IndexError."""
    arrays = arrays_of(sample)
    about = json.loads(str(arrays["about"])) | {"pooling": {"frames": 3, "clips": "none", "neck": "no"}}
    np.savez("features.npz", **(arrays | {"about": np.array(json.dumps(about))}))
    outcome, _, said = command("features, command", ["score", "features.npz"])
    assert outcome == "refused" and "pooled as no protocol does" in said
