"""Lists, MATLAB and HDF5 files, NumPy arrays and JSON: what they hold, or one line that names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.io import savemat

from reidbench.data.info_files import read_array, read_hdf5, read_json, read_lines, read_matlab, read_table
from reidbench.spec import UserError

tables = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.integers(-9, 10**6))


@given(tables)
def test_tables_come_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, table: np.ndarray) -> None:
    folder = tmp_path_factory.mktemp("tables")
    savemat(folder / "five.mat", {"t": table})
    with h5py.File(folder / "seven.mat", "w") as file:
        file["t"] = table.T
        file.create_group("other")
    np.save(folder / "array.npy", table)
    np.savetxt(folder / "rows.txt", table)
    known = read_hdf5(folder / "seven.mat", "t", "other", "missing")
    rows = read_table(folder / "rows.txt", "rows", table.shape[1])
    assert list(known) == ["t"]
    for found in (read_matlab(folder / "five.mat", "t"), known["t"], read_array(folder / "array.npy"), rows):
        assert found.dtype == np.int64 and np.array_equal(found, table)


READERS: dict[str, Callable[[Path], object]] = {
    "x.txt": lambda file: read_lines(file, "names"),
    "x.mat": lambda file: read_matlab(file, "t"),
    "x.h5": lambda file: read_hdf5(file, "t"),
    "x.npy": read_array,
    "x.json": read_json,
}


NOISE = b"\xff\xfe\x00"
BROKEN = (NOISE, b"\x93NUMPY\x01\x00", b"\x89HDF\r\n\x1a\n", b"[" * 9999)
"""No text, and the beginnings of a NumPy, an HDF5 and a JSON file."""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, None) for name in READERS),
        *((name, content) for name in READERS if name != "x.txt" for content in BROKEN),
        ("x.txt", NOISE),
    ],
)
def test_a_missing_or_damaged_file_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=name) as error:
        READERS[name](file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, -np.inf])
def test_only_whole_numbers_are_taken(tmp_path: Path, value: float) -> None:
    np.save(tmp_path / "x.npy", np.array([1.0, value]))
    with pytest.raises(UserError, match="other than whole numbers"):
        read_array(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds nothing, not tracklets as lines of 2"),
        ("1 2\n\n3\n", "holds a line of 1 numbers, not tracklets as lines of 2"),
        ("1 2 3\n", "holds a line of 3 numbers"),
        ("1 two\n", "cannot be read as numbers"),
        ("1 nan\n", "holds something other than whole numbers"),
        ("1 0.5\n", "holds something other than whole numbers"),
        ("1 1e300\n", "holds something other than whole numbers"),
    ],
)
def test_lines_that_are_no_rows_of_whole_numbers_are_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "rows.txt").write_text(text)
    with pytest.raises(UserError, match=rf"rows\.txt: .*{told}"):
        read_table(tmp_path / "rows.txt", "tracklets", 2)
