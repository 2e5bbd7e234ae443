"""Numeric arrays of MATLAB files of versions 5 to 7, after MathWorks' "MAT-File Format".

SciPy reads them too, but its reader ends the process on some damaged files, and those of a dataset come from anywhere.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

HEADER = 128
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""What a data element of a type holds."""

INT8, INT32, UINT32, MATRIX, COMPRESSED = 1, 5, 6, 14, 15
NUMERIC_CLASSES = range(6, 16)
COMPLEX = 0x0800
MOST_BYTES = 2**30
"""A compressed element may claim more than memory holds; no dataset has a tenth of this."""


@dataclass(frozen=True)
class Element:
    """A data element: its type and its bytes."""

    kind: int
    data: memoryview


def numeric_array(content: bytes, name: str) -> np.ndarray:
    """The array of a variable, in its shape in MATLAB. Raises KeyError if there is none, ValueError for damage."""
    if len(content) < HEADER or content[124:128] not in (b"\x00\x01IM", b"\x01\x00MI"):
        raise ValueError("no MATLAB file of version 5 to 7")
    order = "<" if content[126:128] == b"IM" else ">"
    for element in _elements(memoryview(content)[HEADER:], order):
        for matrix in _elements(_inflated(element), order) if element.kind == COMPRESSED else (element,):
            found = _array(matrix, name, order)
            if found is not None:
                return found
    raise KeyError(name)


def _array(matrix: Element, name: str, order: str) -> np.ndarray | None:
    """The array of a matrix element, None if that is another variable."""
    if matrix.kind != MATRIX:
        raise ValueError(f"an element of type {matrix.kind} where a matrix belongs")
    parts = _elements(matrix.data, order)
    flags, dimensions, named = (next(parts, None) for _ in range(3))
    if flags is None or dimensions is None or named is None or named.kind != INT8:
        raise ValueError("a matrix without its name")
    if bytes(named.data) != name.encode():
        return None
    real = next(parts, None)
    if flags.kind != UINT32 or len(flags.data) != 8 or dimensions.kind != INT32 or real is None:
        raise ValueError(f"{name} lacks its shape or its numbers")
    kind = int(np.frombuffer(flags.data, f"{order}u4")[0])
    if kind & 0xFF not in NUMERIC_CLASSES or kind & COMPLEX or real.kind not in NUMBERS:
        raise ValueError(f"{name} holds no real numbers")
    shape = tuple(int(length) for length in _numbers(dimensions, order))
    values = _numbers(real, order)
    if len(shape) < 2 or min(shape) < 0 or prod(shape) != len(values):
        raise ValueError(f"{name} has {len(values)} numbers for a shape of {shape}")
    return values.reshape(shape, order="F")


def _elements(data: memoryview, order: str) -> Iterator[Element]:
    """The data elements one after the other; each is padded to 8 bytes, but for a compressed one."""
    start = 0
    while start < len(data):
        tag = np.frombuffer(data[start : start + 8], f"{order}u4")
        if len(tag) < 2:
            raise ValueError("it ends within an element")
        kind, size = int(tag[0]), int(tag[1])
        begin = start + 8
        if kind >> 16:  # up to 4 bytes of data within the tag
            kind, size, begin = kind & 0xFFFF, kind >> 16, start + 4
            if size > 4:
                raise ValueError("a small element of more than 4 bytes")
        if begin + size > len(data):
            raise ValueError("it ends within an element")
        yield Element(kind, data[begin : begin + size])
        end = begin + size
        start = end if kind == COMPRESSED else end + -end % 8


def _inflated(element: Element) -> memoryview:
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(element.data, MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"a compressed element is damaged ({error})") from error
    if not unpacker.eof:
        raise ValueError("a compressed element is cut off, or too large")
    return memoryview(found)


def _numbers(element: Element, order: str) -> np.ndarray:
    kind = np.dtype(f"{order}{NUMBERS[element.kind]}")
    if len(element.data) % kind.itemsize:
        raise ValueError("an element ends within a number")
    return np.frombuffer(element.data, kind)
