"""Scoring as video re-identification releases do it, a query and an entry after another: the reference for speed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reidbench.retrieval.features import Features

Membership = Callable[[np.ndarray], Callable[[int], bool]]


def in_array(some: np.ndarray) -> Callable[[int], bool]:
    """Whether an entry is one of some, asked of the array, as in the releases."""
    return lambda entry: bool(np.any(some == entry))


def in_set(some: np.ndarray) -> Callable[[int], bool]:
    """The same asked of a set, as a careful author would."""
    return frozenset(some.tolist()).__contains__


def plain_scores(query: Features, gallery: Features, membership: Membership = in_array) -> tuple[float, np.ndarray]:
    """Mean average precision and CMC [gallery], by sorting the gallery and walking down the whole ranking."""
    distances = 1 - query.vectors @ gallery.vectors.T
    precisions, cmc = [], np.zeros(len(gallery))
    for row in range(len(query)):
        order = np.argsort(distances[row])
        own = np.argwhere(gallery.identities == query.identities[row])
        seen = np.argwhere(gallery.cameras == query.cameras[row])
        matches = np.setdiff1d(own, seen)
        if len(matches) == 0:
            continue
        left_out = np.intersect1d(own, seen)
        precision, curve = _walk(order.tolist(), len(matches), membership(matches), membership(left_out))
        precisions.append(precision)
        cmc += curve
    return float(np.mean(precisions)), cmc / len(precisions)


def _walk(
    order: list[int], total: int, is_match: Callable[[int], bool], is_left_out: Callable[[int], bool]
) -> tuple[float, np.ndarray]:
    """Average precision and curve of one query, an entry of its ranking at a time."""
    curve = np.zeros(len(order))
    rank, found, precision = 0, 0, 0.0
    for entry in order:
        if is_left_out(entry):
            continue
        rank += 1
        if is_match(entry):
            if not found:
                curve[rank - 1 :] = 1
            found += 1
            precision += found / rank
    return precision / total, curve
