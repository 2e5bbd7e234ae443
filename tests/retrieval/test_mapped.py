"""Vectors that stay in their file: the same numbers, checked, and never all in memory."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.lib import format as npy
from torch.nn import functional

from reidbench.retrieval.mapped import UnitVectors, map_array, rows_beyond

VECTORS = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_member_is_mapped_where_it_lies(dtype: type, order: str, tmp_path: Path) -> None:
    wanted = np.asarray(VECTORS, dtype, order=order)  # type: ignore[call-overload]
    np.savez(tmp_path / "f.npz", vector=wanted, more=np.arange(3), last=np.array("text"))
    found = map_array(tmp_path / "f.npz", "vector")
    assert isinstance(found, np.memmap) and found.dtype == dtype and not found.flags.writeable
    np.testing.assert_array_equal(found, wanted)


def test_what_is_not_aligned_is_not_mapped(tmp_path: Path) -> None:
    found = []
    for letters in range(1, 5):
        path = tmp_path / f"{letters}.npz"
        np.savez(path, **{"n" * letters: np.arange(3), "vector": VECTORS})
        found.append(map_array(path, "vector"))
    (mapped,) = [vectors for vectors in found if vectors is not None]
    np.testing.assert_array_equal(mapped, VECTORS)


def test_what_is_compressed_or_holds_objects_is_not_mapped(tmp_path: Path) -> None:
    """Wherever it begins, and although the file goes on behind it."""
    for letters in range(1, 9):
        before, objects = {"n" * letters: np.arange(3)}, np.array([{}] * 4, dtype=object)
        np.savez_compressed(tmp_path / f"{letters}.npz", **before, vector=VECTORS, last=VECTORS)
        np.savez(tmp_path / f"{letters} objects.npz", **before, vector=objects, last=VECTORS)
        assert map_array(tmp_path / f"{letters}.npz", "vector") is None
        assert map_array(tmp_path / f"{letters} objects.npz", "vector") is None


def test_one_wrong_bit_is_found(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", vector=VECTORS)
    content = bytearray((tmp_path / "f.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "f.npz").write_bytes(content)
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        map_array(tmp_path / "f.npz", "vector")


def test_slices_are_views_and_arrays_of_them_have_unit_length(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", vector=VECTORS)
    mapped = map_array(tmp_path / "f.npz", "vector")
    assert mapped is not None
    unit, wanted = UnitVectors(mapped), functional.normalize(torch.from_numpy(VECTORS), dim=1).numpy()
    assert unit.shape == (50, 6) and np.shares_memory(unit[3:9].raw, mapped)
    for rows in (slice(None), slice(3, 9), np.arange(50) % 3 == 0):
        np.testing.assert_array_equal(np.asarray(unit[rows]), wanted[rows])


def test_memory_does_not_hold_the_whole(tmp_path: Path) -> None:
    many = np.zeros((200_000, 64), np.float32)
    np.savez(tmp_path / "f.npz", vector=many)
    tracemalloc.start()
    mapped = map_array(tmp_path / "f.npz", "vector")
    assert mapped is not None and not np.asarray(mapped[-1:]).any()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < many.nbytes


def test_a_number_that_is_too_large_or_none_is_found_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reidbench.retrieval.mapped.AT_ONCE", 20)
    assert not len(rows_beyond(VECTORS, 100)) and not len(rows_beyond(VECTORS[:0], 100))
    for row, value in ((0, np.inf), (17, np.nan), (49, -101)):
        spoilt = VECTORS.copy()
        spoilt[row, 3] = value
        assert rows_beyond(spoilt, 100).tolist() == [row]
    half = VECTORS.astype(np.float16)
    assert not len(rows_beyond(half, 1e18))
    half[3, 3] = np.inf
    assert rows_beyond(half, 1e18).tolist() == [3]


@pytest.mark.filterwarnings("error")
def test_a_shape_beyond_all_numbers_of_numpy_is_not_mapped(tmp_path: Path) -> None:
    """Its product wraps round to 0 in NumPy, which warns of that."""
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2**32, 2**32)})
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("vector.npy", header.getvalue() + bytes(64))
    assert map_array(tmp_path / "f.npz", "vector") is None
