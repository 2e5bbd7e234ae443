"""Vectors that stay on disk and are read in slices, for galleries that memory does not hold."""

from __future__ import annotations

import math
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib import format as npy
from torch.nn import functional

AT_ONCE = 1 << 24
"""Bytes read at a time to check a file."""

LOCAL_HEADER = 30
"""Bytes of a member's header inside a zip file, before its name and the extra field, whose lengths are its last."""


@dataclass(frozen=True)
class UnitVectors:
    """Vectors [N, D] as they lie in a memory map, brought to unit length wherever an array is made of them.

    A slice of them is another view of the map; an array of that, `numpy.asarray`, is in memory.
    """

    raw: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.raw.shape

    def __getitem__(self, rows: slice | np.ndarray) -> UnitVectors:
        return UnitVectors(self.raw[rows])

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        vectors = torch.from_numpy(np.array(self.raw))
        return functional.normalize(vectors, dim=1, out=vectors).numpy()


def map_array(path: Path, name: str) -> np.ndarray | None:
    """An array of an `.npz` as a memory map, after all of it was checked against its checksum; nothing in it is run.

    None where it is compressed, holds objects or is not aligned in the file, so that it has to be read. Raises OSError,
    KeyError, ValueError or zipfile.BadZipFile for a file that is missing or damaged.
    """
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        with archive.open(member) as content:
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(npy.read_magic(content))
            if read is None or member.compress_type != zipfile.ZIP_STORED:
                return None
            shape, fortran, dtype = read(content)
            begin = content.tell()
            while content.read(AT_ONCE):
                pass
    with path.open("rb") as file:
        file.seek(member.header_offset + LOCAL_HEADER - 4)
        begin += member.header_offset + LOCAL_HEADER + sum(struct.unpack("<HH", file.read(4)))
    if dtype.hasobject or begin % dtype.itemsize or begin + dtype.itemsize * math.prod(shape) > path.stat().st_size:
        return None
    return np.memmap(path, dtype, "r", begin, shape, "F" if fortran else "C")


def rows_beyond(vectors: np.ndarray, largest: float) -> np.ndarray:
    """Which rows of vectors [N, D] hold NaN or a number larger than that, by their positions; some are looked at at a
    time."""
    at_once = max(1, AT_ONCE // max(1, vectors.shape[1]))
    parts = (vectors[i : i + at_once] for i in range(0, len(vectors), at_once))
    # In double precision: NumPy would bring `largest` to half precision, where it may be infinite.
    most = [np.abs(part).max(axis=1, initial=0).astype(np.float64) for part in parts]
    return np.flatnonzero(~(np.concatenate(most) <= largest)) if most else np.empty(0, np.int64)
