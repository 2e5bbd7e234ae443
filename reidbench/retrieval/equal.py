"""Entries of a gallery that hold the same numbers, which a product of matrices may round apart by their places."""

from __future__ import annotations

import hashlib

import numpy as np

from reidbench.retrieval.mapped import UnitVectors

SAMPLED = 8
"""The first numbers of a vector, which are compared first: of a large gallery in a file little more is read."""

FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that a sum times it tells apart what it told apart before."""


def first_equals(vectors: np.ndarray | UnitVectors) -> np.ndarray:
    """For each of the vectors [N, D] the position of the first that equals it bit by bit, int64 [N]; -1 for one that no
    other equals.
    """
    raw = vectors.raw if isinstance(vectors, UnitVectors) else vectors
    found = np.full(len(raw), -1, dtype=np.int64)
    places = _alike(raw)
    # By digests: a gallery whose vectors are all alike may be one that memory does not hold.
    first: dict[bytes, int] = {}
    for place in places:
        found[place] = first.setdefault(hashlib.sha256(raw[place].tobytes()).digest(), place)
    firsts, counts = np.unique(found[places], return_counts=True)
    found[firsts[counts == 1]] = -1
    return found


def _alike(raw: np.ndarray) -> np.ndarray:
    """The positions, ascending, of the rows that are like another one in their first numbers."""
    key = np.zeros(len(raw), dtype=np.uint64)
    for column in raw[:, :SAMPLED].T:
        key += column.astype(np.float64).view(np.uint64)
        key *= FACTOR
    order = np.argsort(key, kind="stable")
    key = key[order]
    same = key[1:] == key[:-1]
    found: np.ndarray = np.sort(order[np.append(same, False) | np.append(False, same)]) if len(raw) else order
    return found
