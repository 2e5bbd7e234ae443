"""The ranks of each query's matches, by counting what stands above them, in two passes over blocks of similarities.

The first pass picks out how similar the matches are; the second counts in each part of the gallery the entries that are
at least as similar. So a gallery of any size is ranked in the memory of a block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reidbench.retrieval.features import Features
from reidbench.retrieval.similarity import Block, similarity_blocks
from reidbench.spec import Protocol


@dataclass(frozen=True)
class Ranked:
    """What one query found: `matches` [M], their similarities in descending order, and their `ranks` int64 [M] from 1.

    `twins` [T] are the similarities of its look-alikes: of its group and another identity, before another camera.
    """

    matches: np.ndarray
    ranks: np.ndarray
    twins: np.ndarray


@dataclass(frozen=True)
class _Sought:
    """Positions in the gallery, ascending, that a query looks at: its own identity and its look-alikes.

    `matches` bool [own] are those of its own identity that it is to find. The rest is left out.
    """

    own: np.ndarray
    matches: np.ndarray
    twins: np.ndarray


def ranked_queries(query: Features, gallery: Features, protocol: Protocol) -> Iterator[tuple[int, Ranked]]:
    """Each query that has a match, by its position, in order.

    Entries of its own identity that are no match (`Features.matches`) are left out. A match comes after every entry
    that is exactly as similar and no match. Raises UserError if the protocol's distance is unknown.
    """
    identities = _Positions(gallery.identities)
    groups = _Positions(gallery.groups) if any(query.groups) else None
    for block in similarity_blocks(query, gallery, protocol):
        rows = range(len(query))[block.rows]
        sought = [_sought(query, gallery, row, protocol, identities, groups) for row in rows]
        for row, ranked in zip(rows, _rank(block, sought), strict=True):
            if len(ranked.matches):
                yield row, ranked


class _Positions:
    """Where each value of a column stands."""

    def __init__(self, column: np.ndarray) -> None:
        self._order = np.argsort(column, kind="stable")
        self._column = column[self._order]

    def of(self, value: object) -> np.ndarray:
        """The positions of a value, ascending."""
        first, last = (np.searchsorted(self._column, value, side) for side in ("left", "right"))  # type: ignore[call-overload]
        return self._order[first:last]


def _sought(
    query: Features,
    gallery: Features,
    row: int,
    protocol: Protocol,
    identities: _Positions,
    groups: _Positions | None,
) -> _Sought:
    own = identities.of(query.identities[row])
    matches = query.matches(row, gallery, own, protocol)
    if groups is None or not query.groups[row]:
        return _Sought(own, matches, own[:0])
    group = groups.of(query.groups[row])
    other = gallery.identities[group] != query.identities[row]
    return _Sought(own, matches, group[other & (gallery.cameras[group] != query.cameras[row])])


def _rank(block: Block, sought: Sequence[_Sought]) -> list[Ranked]:
    kept = block.part(block.parts[0]) if len(block.parts) == 1 else None
    own = _picked(block, [each.own for each in sought], kept)
    twins = _picked(block, [each.twins for each in sought], kept)
    ascending = [np.sort(values[each.matches]) for values, each in zip(own, sought, strict=True)]
    above = _above(block, ascending, [each.own for each in sought], kept)
    return [
        Ranked(values[::-1], np.arange(1, len(values) + 1) + counts[::-1], looks)
        for values, counts, looks in zip(ascending, above, twins, strict=True)
    ]


def _picked(block: Block, positions: Sequence[np.ndarray], kept: np.ndarray | None) -> list[np.ndarray]:
    """For each row the similarities at its positions. Parts that hold none of them are not made."""
    found: list[list[np.ndarray]] = [[] for _ in positions]
    for part in block.parts:
        inside = [_within(places, part) for places in positions]
        if any(map(len, inside)):
            matrix = block.part(part) if kept is None else kept
            for values, row, places in zip(found, matrix, inside, strict=True):
                values.append(row[places])
    return [np.concatenate(values) if values else np.empty(0) for values in found]


def _above(
    block: Block, ascending: Sequence[np.ndarray], own: Sequence[np.ndarray], kept: np.ndarray | None
) -> list[np.ndarray]:
    """For each row and each of its matches, in ascending order, how many entries that are not its `own` are at least as
    similar, int64. Changes `kept`.
    """
    counts = [np.zeros(len(values), dtype=np.int64) for values in ascending]
    if not any(map(len, ascending)):
        return counts
    for part in block.parts:
        matrix = block.part(part) if kept is None else kept
        for count, row, values, places in zip(counts, matrix, ascending, own, strict=True):
            if len(values):
                row[_within(places, part)] = -np.inf
                # Sorting a row costs less than a search among the matches for each of its entries.
                row.sort()
                count += len(row) - np.searchsorted(row, values, side="left")
    return counts


def _within(positions: np.ndarray, part: slice) -> np.ndarray:
    """Those of ascending positions that lie in a part, counted from its start."""
    first, last = np.searchsorted(positions, (part.start, part.stop))
    return positions[first:last] - part.start
