"""Features in files: what is written is what is scored, and what is something else is refused without being run."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from reidbench.data.tracklets import DISTRACTOR, Dataset, Tracklet
from reidbench.resources import Memory
from reidbench.retrieval import features_file
from reidbench.retrieval.features import Embedded, Pooling
from reidbench.retrieval.features_file import (
    FORMAT,
    KINDS,
    check_name,
    given_features,
    read_features,
    write_features,
)
from reidbench.retrieval.metrics import evaluate
from reidbench.retrieval.protocols import PROTOCOLS
from reidbench.spec import UserError

POOLING = Pooling(8, "all", "after")
ABOUT = {"model": "bicnet", "options": {"alpha": 3}, "weights": "ab" * 32}


def tracklet(identity: int, camera: int, number: int) -> Tracklet:
    traits = {"group": f"g{identity // 2}"} if identity else {}
    return Tracklet((f"{identity}/{number}é.jpg", "more.jpg"), identity, camera, traits)


@pytest.fixture
def embedded() -> Embedded:
    query = tuple(tracklet(i, 1, 0) for i in (1, 2, 3))
    gallery = (tracklet(DISTRACTOR, 2, 0), *(tracklet(i, c, c) for i in (1, 2, 3) for c in (2, 3)))
    vectors = np.random.default_rng(0).normal(size=(10, 6)).astype(np.float32)
    dataset = Dataset("mars", Path("/data"), (), query, gallery, "f" * 64, True, subset=True)
    return Embedded(dataset, (*query, *gallery), {POOLING: vectors}, 8)


@pytest.mark.parametrize("mapped", [False, True])
def test_a_file_scores_as_what_was_written(
    mapped: bool, embedded: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_features(tmp_path / "f.npz", embedded, ABOUT)
    if mapped:
        monkeypatch.setattr("reidbench.retrieval.features_file.BLOCK", 10)
        monkeypatch.setattr("reidbench.retrieval.blocks.BLOCK", 12)
    found, about = read_features(tmp_path / "f.npz")
    assert isinstance(found.vectors[POOLING], np.memmap) == mapped
    assert about.items() >= ABOUT.items()
    assert (found.dataset.name, found.dataset.subset, found.frames) == ("mars", True, 8)
    assert found.dataset.fingerprint == embedded.dataset.fingerprint
    for name in ("release", "release_no_queries", "no_distractors", "euclidean", "reranked"):
        for one, other in zip(found.under(PROTOCOLS[name]), embedded.under(PROTOCOLS[name]), strict=True):
            for field, value in vars(one).items():
                np.testing.assert_array_equal(value, getattr(other, field))
        one, other = (evaluate(*each.under(PROTOCOLS[name]), PROTOCOLS[name]).ap for each in (found, embedded))
        np.testing.assert_array_equal(one, other)
    assert not found.fits(PROTOCOLS["first_clip"]) and found.fits(PROTOCOLS["mars_matlab"])


@pytest.mark.parametrize("content", [b"junk", b"\x80\x04K\x01."])
def test_nobody_is_advised_to_load_what_is_no_features(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "junk.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"junk\.npz: holds no features to score \(it is no \.npz, or") as caught:
        read_features(path)
    assert "allow_pickle" not in str(caught.value)


def test_anybody_can_read_the_arrays_without_pickles(embedded: Embedded, tmp_path: Path) -> None:
    write_features(tmp_path / "f.npz", embedded, ABOUT)
    with np.load(tmp_path / "f.npz", allow_pickle=False) as file:
        arrays = dict(file)
    assert arrays.keys() == KINDS.keys()
    assert all(array.dtype.kind == KINDS[name][0] for name, array in arrays.items())
    assert arrays["query"].tolist() == [True] * 3 + [False] * 7
    assert arrays["identity"].tolist() == [1, 2, 3, 0, 1, 1, 2, 2, 3, 3]
    assert arrays["name"][0] == "1/0é.jpg" and arrays["group"].tolist()[3:5] == ["", "g0"]
    np.testing.assert_array_equal(arrays["vector"], embedded.vectors[POOLING])


def test_parquet_holds_the_same(embedded: Embedded, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_features(tmp_path / "f.parquet", embedded, ABOUT)
    table = parquet.read_table(tmp_path / "f.parquet")
    assert json.loads(table.schema.metadata[b"reidbench"]).items() >= {**ABOUT, "dataset": "mars"}.items()
    assert table.column("identity").to_pylist() == [t.identity for t in embedded.tracklets]
    assert table.column("query").to_pylist() == [True] * 3 + [False] * 7
    np.testing.assert_array_equal(np.array(table.column("vector").to_pylist(), np.float32), embedded.vectors[POOLING])
    with pytest.raises(UserError, match=r"f\.parquet: features are read from \.npz"):
        read_features(tmp_path / "f.parquet")


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"--out f\.parquet: .*pip install -e '\.\[parquet\]'") as error:
        check_name(Path("f.parquet"))
    assert "\n" not in str(error.value)
    check_name(Path("f.npz"))


@pytest.mark.parametrize("name", ["f.csv", "f", "f.npz.gz"])
def test_another_ending_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"let the name end with \.npz or \.parquet"):
        check_name(Path(name))


class Code:
    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (Path("executed"),)


def test_code_in_a_file_is_not_run(embedded: Embedded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_features(Path("f.npz"), embedded, ABOUT)
    with np.load("f.npz") as file:
        arrays = dict(file)
    np.savez("evil.npz", **{**arrays, "name": np.array([Code()] * 10, dtype=object)})
    with pytest.raises(UserError, match=r"evil\.npz: holds no features"):
        read_features(Path("evil.npz"))
    assert not Path("executed").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"camera": np.arange(9)}, "camera is of another kind or length"),
        ({"identity": np.arange(10) / 2}, "identity is of another kind or length"),
        ({"identity": np.arange(1, 11).astype(np.uint64)}, "identity is of another kind or length"),
        ({"vector": np.zeros(10, np.float32)}, "vector is of another kind or length"),
        ({"vector": np.full((10, 2), np.nan, np.float32)}, "vector holds NaN"),
        ({"query": np.arange(10) > 4}, "it must hold the queries first"),
        ({"query": np.zeros(10, bool)}, "query is true nowhere"),
        ({"about": np.array("{}")}, f"about does not say format {FORMAT}"),
        ({"about": np.array("[")}, "Expecting value"),
        ({"about": np.array(json.dumps({"format": FORMAT}))}, "it does not say 'dataset'"),
    ],
)
def test_damaged_features_are_refused(
    change: dict[str, np.ndarray], reason: str, embedded: Embedded, tmp_path: Path
) -> None:
    write_features(tmp_path / "f.npz", embedded, ABOUT)
    with np.load(tmp_path / "f.npz") as file:
        np.savez(tmp_path / "g.npz", **{**file, **change})
    with pytest.raises(UserError, match=rf"g\.npz: holds no features to score \(.*{reason}") as error:
        read_features(tmp_path / "g.npz")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04"])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "f.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"f\.npz: holds no features"):
        read_features(tmp_path / "f.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(UserError, match=r"one\.npz: holds no features"):
        read_features(tmp_path / "one.npz")
    with pytest.raises(UserError, match=r"g\.npz: no such file"):
        read_features(tmp_path / "g.npz")


FOUR = ("vector", "identity", "camera", "query")


def test_four_arrays_of_ones_own_are_enough(embedded: Embedded, tmp_path: Path) -> None:
    write_features(tmp_path / "f.npz", embedded, ABOUT)
    with np.load(tmp_path / "f.npz") as file:
        four = {name: file[name] for name in FOUR}
        whole = dict(file)
    np.savez(tmp_path / "own.npz", **four)
    for name in FOUR:
        np.savez(tmp_path / "lacking.npz", **{other: array for other, array in whole.items() if other != name})
        with pytest.raises(UserError, match=rf"lacking\.npz: .*{name}"):
            read_features(tmp_path / "lacking.npz")
    found, about = read_features(tmp_path / "own.npz")
    assert about.items() >= {"dataset": "unnamed", "queries_in_gallery": False, "frames": 8}.items()
    for name in ("release_no_queries", "release_with_queries", "mars_matlab"):
        one, other = (evaluate(*each.under(PROTOCOLS[name]), PROTOCOLS[name]).ap for each in (found, embedded))
        np.testing.assert_array_equal(one, other)
    # By their names re-ranking knows that a query in the gallery is the same tracklet.
    asked = replace(PROTOCOLS["reranked"], queries_in_gallery=True)
    one, other = (evaluate(*each.under(asked), asked).ap for each in (found, embedded))
    np.testing.assert_array_equal(one, other)


def test_clothes_are_kept_and_may_be_given(embedded: Embedded, tmp_path: Path) -> None:
    worn = [f"u{t.camera // 2 * (t.identity % 2)}" for t in embedded.tracklets]
    told = tuple(replace(t, traits={"clothes": name}) for t, name in zip(embedded.tracklets, worn, strict=True))
    dressed = replace(embedded, tracklets=told)
    write_features(tmp_path / "f.npz", dressed, ABOUT)
    columns = [[getattr(t, name) for t in told] for name in ("identity", "camera")]
    given = given_features(embedded.vectors[POOLING], *columns, np.arange(10) < 3, worn)
    for name in ("clothes_changing", "same_clothes"):
        asked = replace(PROTOCOLS[name], queries_in_gallery=True)
        read, _ = read_features(tmp_path / "f.npz")
        aps = [evaluate(*each.under(asked), asked).ap for each in (dressed, read, given)]
        np.testing.assert_array_equal(aps[0], aps[1])
        np.testing.assert_array_equal(aps[0], aps[2])
    with pytest.raises(UserError, match=r"clothes is of another kind or length, <U2 \[9\]; let it be texts or numbers"):
        given_features(embedded.vectors[POOLING], *columns, np.arange(10) < 3, worn[:9])


def test_clothes_are_names_or_numbers_and_what_is_missing_is_none(embedded: Embedded, tmp_path: Path) -> None:
    columns = [[getattr(t, name) for t in embedded.tracklets] for name in ("identity", "camera")]
    query = np.arange(10) < 3
    numbers = np.arange(10) % 3
    given = given_features(embedded.vectors[POOLING], *columns, query, numbers.astype(float))
    assert [t.worn for t in given.tracklets] == [str(float(number)) for number in numbers]
    for given in (numbers, numbers.tolist(), torch.from_numpy(numbers), numbers.astype(str), numbers.astype(object)):
        found = given_features(embedded.vectors[POOLING], *columns, query, given)
        assert [t.worn for t in found.tracklets] == [str(number) for number in numbers]
    arrays = {"vector": embedded.vectors[POOLING], "identity": columns[0], "camera": columns[1], "query": query}
    np.savez(tmp_path / "own.npz", **arrays, clothes=numbers)
    read, _ = read_features(tmp_path / "own.npz")
    assert [t.worn for t in read.tracklets] == [str(number) for number in numbers]
    for missing in (None, float("nan"), pd.NA, np.nan, ""):
        worn = ["red", missing, *["blue"] * 8]
        for given in (worn, pd.Series(worn), pd.Series(worn, dtype=object)):
            found = given_features(embedded.vectors[POOLING], *columns, query, given)
            assert [t.worn for t in found.tracklets] == ["red", "", *["blue"] * 8]
            with pytest.raises(UserError, match="1 of 9 tracklets of persons do not say what is worn, the first 1;"):
                found.under(PROTOCOLS["clothes_changing"])
    np.savez(tmp_path / "own.npz", **arrays, clothes=np.array(["red", np.nan, *["blue"] * 8]))
    assert read_features(tmp_path / "own.npz")[0].tracklets[1].worn == ""


def test_arrays_are_taken_in_any_order(embedded: Embedded) -> None:
    identity, camera = ([getattr(t, name) for t in embedded.tracklets] for name in ("identity", "camera"))
    query = np.arange(10) < 3
    wanted = given_features(embedded.vectors[POOLING], identity, camera, query)
    order = np.random.default_rng(1).permutation(10)
    mixed = (array[order] for array in map(np.asarray, (embedded.vectors[POOLING], identity, camera, query)))
    ap = [
        np.sort(evaluate(*each.under(PROTOCOLS["release"]), PROTOCOLS["release"]).ap)
        for each in (given_features(*mixed), wanted)
    ]
    np.testing.assert_allclose(*ap, rtol=1e-12)


def test_tensors_and_unsigned_numbers_are_taken_as_a_training_has_them(embedded: Embedded) -> None:
    vectors = np.round(embedded.vectors[POOLING] * 8) / 8  # which bfloat16 holds as they are
    identity, camera = (np.array([getattr(t, name) for t in embedded.tracklets]) for name in ("identity", "camera"))
    query = np.arange(10) < 3
    kept = identity >= 0
    plain = [array[kept] for array in (vectors, identity, camera, query)]
    wanted = given_features(*plain)
    tensors = [torch.from_numpy(array) for array in plain]
    tensors[0] = tensors[0].requires_grad_()
    short = [plain[0].astype(np.float16), plain[1].astype(np.uint8), plain[2].astype(np.uint16), plain[3]]
    for given in (tensors, [tensors[0].bfloat16(), *tensors[1:]], short):
        found = given_features(*given)
        assert found.tracklets == wanted.tracklets
        np.testing.assert_array_equal(found.vectors[POOLING], wanted.vectors[POOLING])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"vectors": np.zeros((9, 2))},
            "identities is of another kind or length, int64 [10]; let it be integers [track",
        ),
        (
            {"vectors": np.zeros((10, 2), int)},
            "vectors is of another kind or length, int64 [10, 2]; let it be floats [",
        ),
        (
            {"vectors": np.zeros(10)},
            "vectors is of another kind or length, float64 [10]; let it be floats [tracklets, D]",
        ),
        ({"vectors": np.zeros((10, 1, 2))}, "vectors is of another kind or length, float64 [10, 1, 2]"),
        ({"vectors": [[0.0], [0.0, 1.0]]}, "inhomogeneous"),
        ({"vectors": np.zeros((10, 0))}, "vectors holds no numbers"),
        (
            {"vectors": np.where(np.arange(20).reshape(10, 2) // 10 == 1, np.nan, 1.0), "is_query": np.arange(10) > 6},
            "vectors holds NaN or numbers beyond 1e+15 in 5 of 10 rows, first in row 5 (from 0)",
        ),
        ({"identities": np.full(10, 0)}, "a query is junk or a distractor"),
        ({"identities": [f"p{k}" for k in range(10)]}, "identities is of another kind or length"),
        ({"cameras": 1}, "cameras is of another kind or length"),
        ({"is_query": np.zeros(10, bool)}, "is_query is true nowhere; let it mark the queries"),
        ({"is_query": np.ones(10, int)}, "is_query is of another kind or length, int64 [10]; let it be bool [track"),
        ({"vectors": torch.ones(10, 2).to_sparse()}, "can't convert"),
        ({"vectors": torch.ones(10, 2, device="meta")}, "a tensor on torch's meta device holds no numbers"),
    ],
)
def test_arrays_that_are_no_features_are_refused(change: dict[str, object], reason: str) -> None:
    given = {"vectors": np.ones((10, 2)), "identities": np.ones(10, int), "cameras": np.ones(10, int)}
    with pytest.raises(UserError) as caught:
        given_features(**{**given, "is_query": np.arange(10) < 3, **change})
    assert reason in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["vector", "identity"])
def test_what_unpacks_to_more_than_memory_holds_is_not_unpacked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four megabytes of zeros, packed, can be four gigabytes."""
    arrays = {
        "vector": np.ones((4, 1000 if name == "vector" else 2), np.float32),
        "identity": np.ones(4 if name == "vector" else 4000, np.int64),
        "camera": np.arange(4),
        "query": np.array([True, False, False, False]),
    }
    np.savez_compressed(tmp_path / "f.npz", **arrays)
    monkeypatch.setattr(features_file, "memory", lambda: Memory(100_000, 10_000))
    with pytest.raises(UserError, match=rf"{name}.* would take \S+ GB of memory, 1e-05 are free") as error:
        read_features(tmp_path / "f.npz")
    assert "\n" not in str(error.value)
    monkeypatch.setattr(features_file, "memory", lambda: Memory(100_000, 100_000))
    if name == "vector":
        assert read_features(tmp_path / "f.npz")[0].vectors[POOLING].shape == (4, 1000)
