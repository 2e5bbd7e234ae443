"""Numeric arrays of MATLAB files, against SciPy, which writes them."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.io import loadmat, savemat

from reidbench.data.matlab import numeric_array

KINDS = ("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8", "i8", "u8")
tables = st.sampled_from(KINDS).flatmap(lambda kind: arrays(kind, st.tuples(st.integers(0, 5), st.integers(1, 4))))


def written(packed: bool = False, **variables: object) -> bytes:
    file = io.BytesIO()
    savemat(file, variables, do_compression=packed)
    return file.getvalue()


@given(tables, st.booleans())
def test_arrays_are_those_that_scipy_writes_and_reads(table: np.ndarray, packed: bool) -> None:
    content = written(packed, other=np.eye(2), t=table, text="a name", last=3)
    found = numeric_array(content, "t")
    expected = loadmat(io.BytesIO(content))["t"]
    assert found.shape == expected.shape and np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f")


def test_numbers_may_be_kept_in_a_smaller_type_and_the_other_byte_order() -> None:
    """As MATLAB does with whole numbers in a table of doubles; written by hand after the format's description."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    flags, shape = element(6, struct.pack(">II", 6, 0)), element(5, struct.pack(">ii", 2, 3))
    small_name = struct.pack(">HH", 1, 1) + b"t\0\0\0"
    numbers = element(4, struct.pack(">6H", 1, 2, 3, 4, 5, 600))
    matrix = flags + shape + small_name + numbers
    content = b" " * 124 + b"\x01\x00MI" + struct.pack(">II", 14, len(matrix)) + matrix
    assert numeric_array(content, "t").tolist() == [[1, 3, 5], [2, 4, 600]]
    assert np.array_equal(loadmat(io.BytesIO(content))["t"], numeric_array(content, "t"))


@pytest.mark.parametrize("value", ["text", 1j, {"a": 1}, np.array([[1], ["x"]], dtype=object), np.eye(2) * 1j])
def test_what_is_no_table_of_real_numbers_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="t holds no real numbers"):
        numeric_array(written(t=value), "t")


def test_a_variable_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="missing"):
        numeric_array(written(t=np.eye(2)), "missing")


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_cut_anywhere_is_refused(packed: bool) -> None:
    content = written(packed, t=np.arange(12.0).reshape(3, 4))
    for end in range(len(content)):
        if end != 128:  # a header alone is a file without variables
            with pytest.raises((ValueError, KeyError)):
                numeric_array(content[:end], "t")


def test_a_compressed_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reidbench.data.matlab.MOST_BYTES", 10_000)
    with pytest.raises(ValueError, match="cut off, or too large"):
        numeric_array(written(True, t=np.zeros((200, 200))), "t")
