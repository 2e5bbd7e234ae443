"""The files that say what a dataset holds: lists, MATLAB and HDF5 files, NumPy arrays, JSON.

Each function raises a UserError of one line that names the file, where it is missing, damaged, or holds something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from reidbench.data.matlab import numeric_array
from reidbench.spec import UserError

LARGEST = 2**53
"""Beyond it a double, which MATLAB keeps numbers as, cannot tell whole numbers apart."""

MOST_NUMBERS = 2**27
"""A file may claim more numbers than memory holds without holding them; no dataset has a tenth of these."""


def read_lines(file: Path, what: str) -> list[str]:
    """The lines of an ASCII file without surrounding blanks; `what` says in the error what it lists."""
    return [line.strip() for line in read_text(file, what, "ascii").splitlines()]


def read_text(file: Path, what: str, encoding: str = "utf-8-sig") -> str:
    """The text of a list, of UTF-8 without its mark; `what` says in the error what it lists."""
    try:
        return _text(file, encoding)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read ({reason(error)}); it lists {what}, one a line") from error


def read_table(file: Path, what: str, columns: int) -> np.ndarray:
    """The whole numbers of a text file, a row a line, int64 [rows, columns]; `what` says in the error what it lists."""
    rows = [line.split() for line in read_lines(file, what) if line]
    odd = next((row for row in rows if len(row) != columns), None)
    if odd is not None or not rows:
        held = f"a line of {len(odd)} numbers" if odd is not None else "nothing"
        raise UserError(f"{file}: holds {held}, not {what} as lines of {columns}")
    try:
        array = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise UserError(f"{file}: cannot be read as numbers ({reason(error)})") from error
    return _whole(file, "it", array)


def read_matlab(file: Path, key: str) -> np.ndarray:
    """The whole numbers in variable `key` of a MATLAB file of version 5 to 7, int64 in its shape there."""
    with _reading(file, "a MATLAB file", key):
        array = numeric_array(file.read_bytes(), key)
    return _whole(file, key, array)


def read_hdf5(file: Path, *keys: str) -> dict[str, np.ndarray]:
    """The whole numbers in those variables of a MATLAB 7.3 file that are there, int64 in their shape in MATLAB.

    MATLAB keeps arrays by column, and HDF5 shows them transposed.
    """
    import h5py

    arrays = {}
    with _reading(file, "an HDF5 file (MATLAB 7.3)", ""), h5py.File(file, "r") as content:
        for key in keys:
            # A link, or a dataset kept elsewhere, would have another file read, wherever that lies.
            if not isinstance(content.get(key, h5py.HardLink(), getlink=True), h5py.HardLink):
                raise ValueError(f"{key} is a link, not numbers")
            found = content.get(key)
            if isinstance(found, h5py.Dataset):
                if found.external or found.is_virtual:
                    raise ValueError(f"{key} lies in another file")
                if found.size is None or found.size > MOST_NUMBERS:
                    raise ValueError(f"{key} claims {found.size} numbers")
                arrays[key] = np.asarray(found).T
    return {key: _whole(file, key, array) for key, array in arrays.items()}


def read_array(file: Path) -> np.ndarray:
    """The whole numbers of a NumPy file, int64. A pickled one is refused, for it could run anything."""
    with _reading(file, "a NumPy array", ""), file.open("rb") as content:
        array = np.lib.format.read_array(content, allow_pickle=False)
    return _whole(file, "the array", array)


def read_json(file: Path) -> Any:
    """What a JSON file holds."""
    try:
        return json.loads(_text(file, "utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: cannot be read as JSON ({reason(error)})") from error


def reason(error: Exception) -> str:
    """The first line of what an error says, without the path that the caller names anyhow."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]


def _text(file: Path, encoding: str) -> str:
    """The text of a file; one that is a pipe or a device, which may never end, is none."""
    if file.exists() and not file.is_file():
        raise OSError(0, "no file")
    return file.read_text(encoding=encoding)


@contextmanager
def _reading(file: Path, kind: str, key: str) -> Iterator[None]:
    if not file.is_file():
        raise UserError(f"{file}: no such file; restore it from the published dataset")
    try:
        yield
    except Exception as error:  # h5py raises errors of many types for damaged files
        if key and isinstance(error, KeyError):
            raise UserError(f"{file}: holds no variable named {key}") from error
        raise UserError(f"{file}: cannot be read as {kind} ({reason(error)})") from error


def _whole(file: Path, key: str, array: np.ndarray) -> np.ndarray:
    numbers = isinstance(array, np.ndarray) and array.dtype.kind in "iuf" and np.isfinite(array).all()
    if not numbers or (array != np.floor(array)).any() or (np.abs(array.astype(np.float64)) > LARGEST).any():
        raise UserError(f"{file}: {key} holds something other than whole numbers up to {LARGEST}")
    return array.astype(np.int64)
