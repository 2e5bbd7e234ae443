"""How similar each entry of a gallery is to each query, by a protocol's distance, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reidbench.retrieval.blocks import row_blocks
from reidbench.retrieval.features import Features
from reidbench.retrieval.reranking import reranked_distances
from reidbench.spec import Protocol, UserError


def similarity_rows(query: Features, gallery: Features, protocol: Protocol) -> Iterator[tuple[int, np.ndarray]]:
    """For each query, by its position, its similarities [gallery]: the larger, the nearer; comparable within a row.

    The cosine is the product of vectors of unit length. Re-ranking seeks neighbours among queries and gallery alike,
    each tracklet once. Raises UserError if the protocol's distance is unknown.
    """
    if protocol.distance not in ("cosine", "euclidean"):
        raise UserError(f"protocol {protocol.name}: distance is {protocol.distance!r}; choose cosine or euclidean")
    if protocol.reranking:
        yield from _reranked_rows(query, gallery)
        return
    for rows in row_blocks(len(query), len(gallery)):
        block = query.vectors[rows] @ gallery.vectors.T
        if protocol.distance == "euclidean":
            # Half the squared distance with its sign turned, but for a query's own length.
            block -= np.square(gallery.vectors).sum(axis=1) / 2
        yield from enumerate(block, rows.start)


def _reranked_rows(query: Features, gallery: Features) -> Iterator[tuple[int, np.ndarray]]:
    names = np.concatenate([query.names, gallery.names])
    _, first, place = np.unique(names, return_index=True, return_inverse=True)
    vectors = np.concatenate([query.vectors, gallery.vectors])[first]
    distances = reranked_distances(vectors, place[: len(query)], place[len(query) :])
    yield from ((row, -distance) for row, distance in enumerate(distances))
