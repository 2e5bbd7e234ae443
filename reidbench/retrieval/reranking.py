"""k-reciprocal re-ranking (Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017).

Two tracklets are near if the sets of their mutual nearest neighbours are alike. Where the paper leaves a point open
(what its distances are measured in, whether a tracklet is its own neighbour, what exactly two thirds decide) this does
as the authors' code does, so that numbers are comparable with published ones.

Nothing of the size of all tracklets squared is held: distances are made in blocks, and sets are sparse.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from reidbench.retrieval.blocks import row_blocks

K1, K2, LAMBDA = 20, 6, 0.3
"""Neighbours for the sets, neighbours to average over, and the share of the original distance (section 4)."""


def reranked_distances(
    vectors: np.ndarray,
    query: np.ndarray,
    gallery: np.ndarray,
    *,
    k1: int = K1,
    k2: int = K2,
    share: float = LAMBDA,
) -> Iterator[np.ndarray]:
    """For each query its distance float64 [gallery], in [0, 1].

    `vectors` [N, D] are all tracklets among which neighbours are sought; `query` [Q] and `gallery` [G] are rows of it.
    The original distance is the squared Euclidean one over the largest of its row.
    """
    nearest, furthest = _neighbours(vectors, max(k1 + 1, k2))
    half = round(k1 / 2)
    sets = _expanded(_reciprocal(nearest[:, : k1 + 1]), _reciprocal(nearest[:, : half + 1]))
    encoded = _averaged(_encoded(vectors, sets, furthest), nearest[:, :k2])
    columns = encoded[gallery].tocsc()
    for start, block in _distance_blocks(vectors[query], vectors):
        for row, distances in zip(query[start:], block, strict=False):
            original = distances[gallery] / furthest[row]
            yield (1 - share) * _jaccard(encoded, row, columns) + share * original


def _distance_blocks(some: np.ndarray, vectors: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Squared Euclidean distances [rows, N] of a few of `some` at a time to all `vectors`, with the first's number."""
    lengths = np.square(vectors).sum(axis=1)
    for rows in row_blocks(len(some), len(vectors)):
        block = some[rows]
        distances = np.square(block).sum(axis=1)[:, None] + lengths - 2 * (block @ vectors.T)
        yield rows.start, np.maximum(distances, 0, out=distances)


def _neighbours(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """N(p, k) for each tracklet p: its `count` nearest int64 [N, count], and how far the furthest of all is [N].

    A tracklet is its own nearest; of others equally near the first come first.
    """
    total = len(vectors)
    count = min(count, total)
    nearest, furthest = np.empty((total, count), dtype=np.int64), np.empty(total)
    for start, block in _distance_blocks(vectors, vectors):
        furthest[start : start + len(block)] = block.max(axis=1)
        for row, distances in enumerate(block, start):
            distances[row] = -1
            bound = np.partition(distances, count - 1)[count - 1]
            near = np.flatnonzero(distances <= bound)
            nearest[row] = near[np.argsort(distances[near], kind="stable")][:count]
    return nearest, np.where(furthest > 0, furthest, 1)


def _reciprocal(nearest: np.ndarray) -> sparse.csr_array:
    """R(p, k), equation 3: those of p's nearest [N, k] that p is among the nearest of, as rows of 0 and 1 [N, N]."""
    forward = _rows_of(nearest)
    return sparse.csr_array(forward.multiply(forward.T))


def _rows_of(nearest: np.ndarray) -> sparse.csr_array:
    total, count = nearest.shape
    ones = np.ones(nearest.size, dtype=np.int32)
    return sparse.csr_array((ones, nearest.reshape(-1), count * np.arange(total + 1)), shape=(total, total))


def _expanded(sets: sparse.csr_array, halves: sparse.csr_array) -> sparse.csr_array:
    """R*(p, k), equation 5: R(p, k) with R(q, k/2) of each of its q that shares over two thirds of it with R(p, k)."""
    shared = sparse.coo_array(sets.multiply(sets @ halves.T))
    alike = 3 * shared.data > 2 * halves.sum(axis=1)[shared.col]
    ones = np.ones(alike.sum(), dtype=np.int32)
    chosen = sparse.csr_array((ones, (shared.row[alike], shared.col[alike])), shape=sets.shape)
    joined = sparse.csr_array(sets + chosen @ halves)
    joined.data[:] = 1
    return joined


def _encoded(vectors: np.ndarray, sets: sparse.csr_array, furthest: np.ndarray) -> sparse.csr_array:
    """V, equation 7: the members of each tracklet's set weighed by exp(-distance), weights that add up to 1."""
    data = np.empty(sets.nnz)
    sizes = np.diff(sets.indptr)
    for start, block in _distance_blocks(vectors, vectors):
        end = start + len(block)
        members = slice(sets.indptr[start], sets.indptr[end])
        rows = np.repeat(np.arange(len(block)), sizes[start:end])
        data[members] = np.exp(-block[rows, sets.indices[members]] / furthest[start + rows])
    weights = sparse.csr_array((data, sets.indices, sets.indptr), shape=sets.shape)
    weights.data /= np.repeat(weights.sum(axis=1), sizes)
    return weights


def _averaged(encoded: sparse.csr_array, nearest: np.ndarray) -> sparse.csr_array:
    """Local query expansion, equation 11: the mean of V over each tracklet's nearest [N, k2], itself the first."""
    return sparse.csr_array(_rows_of(nearest) @ encoded / nearest.shape[1])


def _jaccard(encoded: sparse.csr_array, row: int, columns: sparse.csc_array) -> np.ndarray:
    """Equation 10 for one row of V and the rows of `columns`: 1 less the sum of minima over that of maxima."""
    members = slice(encoded.indptr[row], encoded.indptr[row + 1])
    part = columns[:, encoded.indices[members]]
    minima = np.minimum(part.data, np.repeat(encoded.data[members], np.diff(part.indptr)))
    shared = np.bincount(part.indices, weights=minima, minlength=columns.shape[0])
    # Both rows add up to 1, so that the sum of maxima is 2 less that of minima.
    return 1 - shared / (2 - shared)
