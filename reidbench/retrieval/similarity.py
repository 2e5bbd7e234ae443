"""How similar each entry of a gallery is to each query, by a protocol's distance, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from reidbench.retrieval import blocks
from reidbench.retrieval.equal import first_equals
from reidbench.retrieval.features import Features
from reidbench.retrieval.mapped import UnitVectors
from reidbench.retrieval.reranking import reranked_distances
from reidbench.spec import Protocol, UserError


@dataclass(frozen=True)
class Block:
    """The similarities of some queries to the whole gallery, in parts of bounded size.

    `rows` are the queries, `parts` together the gallery. `part(columns)` makes those of one part, float [rows,
    columns]: the larger, the nearer. It makes them anew, for the caller to change, from the same operands in the same
    shape, so that a part asked for twice holds the same numbers, and a tie in the one is a tie in the other.
    """

    rows: slice
    parts: tuple[slice, ...]
    part: Callable[[slice], np.ndarray]


def similarity_blocks(query: Features, gallery: Features, protocol: Protocol) -> Iterator[Block]:
    """The similarities of all queries, in blocks one after another; comparable within a row.

    The cosine is the product of vectors of unit length. Entries that hold the same numbers are exactly as similar, but
    by re-ranked distances, which depend on all entries. Re-ranking seeks neighbours among queries and gallery alike,
    each tracklet once. Raises UserError if the protocol's distance is unknown.
    """
    _check_distance(protocol)
    if protocol.reranking:
        whole = slice(0, len(gallery))
        for row, similarities in _reranked_rows(query, gallery):
            yield Block(slice(row, row + 1), (whole,), partial(_only, similarities[None]))
        return
    equals = first_equals(gallery.vectors)
    # What is made of a memory map for a part is in memory with it.
    mapped = isinstance(gallery.vectors, UnitVectors)
    at_most = max(1, blocks.BLOCK // gallery.vectors.shape[1]) if mapped else len(gallery)
    for rows, parts in blocks.tiles(len(query), len(gallery), at_most):
        yield Block(rows, parts, partial(_similarities, query, gallery, equals, protocol, rows))


def similarity_rows(query: Features, gallery: Features, protocol: Protocol) -> Iterator[tuple[int, np.ndarray]]:
    """For each query, by its position, its similarities [gallery], as `similarity_blocks` has them."""
    _check_distance(protocol)
    if protocol.reranking:
        yield from _reranked_rows(query, gallery)
        return
    equals = first_equals(gallery.vectors)
    for rows in blocks.row_blocks(len(query), len(gallery)):
        block = _similarities(query, gallery, equals, protocol, rows, slice(0, len(gallery)))
        yield from enumerate(block, rows.start)


def _check_distance(protocol: Protocol) -> None:
    if protocol.distance not in ("cosine", "euclidean"):
        raise UserError(f"protocol {protocol.name}: distance is {protocol.distance!r}; choose cosine or euclidean")


def _similarities(
    query: Features, gallery: Features, equals: np.ndarray, protocol: Protocol, rows: slice, columns: slice
) -> np.ndarray:
    vectors, asking = np.asarray(gallery.vectors[columns]), np.asarray(query.vectors[rows])
    block = asking @ vectors.T
    # The product's kernels round by place. One vector's product with all queries is one number for all like it.
    places = equals[columns]
    for first in np.unique(places[places >= 0]):
        block[:, places == first] = (asking @ vectors[np.argmax(places == first)])[:, None]
    if protocol.distance == "euclidean":
        # Half the squared distance with its sign turned, but for a query's own length.
        block -= np.square(vectors).sum(axis=1) / 2
    return block


def _only(similarities: np.ndarray, columns: slice) -> np.ndarray:
    return similarities[:, columns].copy()


def _reranked_rows(query: Features, gallery: Features) -> Iterator[tuple[int, np.ndarray]]:
    names = np.concatenate([query.names, gallery.names])
    _, first, place = np.unique(names, return_index=True, return_inverse=True)
    vectors = np.concatenate([np.asarray(query.vectors), np.asarray(gallery.vectors)])[first]
    distances = reranked_distances(vectors, place[: len(query)], place[len(query) :])
    yield from ((row, -distance) for row, distance in enumerate(distances))
