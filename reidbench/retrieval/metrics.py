"""How well queries find their identity: average precision, ranks, inverse negative penalty, look-alike AUC.

Ties are ranked pessimistically: a match comes after every entry that is exactly as similar and no match. So the numbers
do not depend on the gallery's order, and a network that maps everybody to one point scores lowest, not by luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reidbench.data.lookalikes import whose
from reidbench.data.tracklets import Tracklet
from reidbench.retrieval.features import Features, left_out
from reidbench.retrieval.ranks import ranked_queries
from reidbench.spec import ANY, Protocol, UserError

RANKS = (1, 5, 10, 20)

WORN = {ANY: "", "other": " and other clothes", "same": " and the same clothes"}
"""How a match is described whose clothes a protocol wants so."""

AMONG_QUERIES = "queries match each other: to search among them, too, use release_with_queries"
"""What to do where every tracklet is a query, say, and a protocol has them search in the gallery alone."""


@dataclass(frozen=True)
class QueryScores:
    """One entry a query, in order; NaN (rank 0) where it is not `valid`, that is, has no match to be found.

    `ap` is the average precision, `first` the rank of the first match from 1, `inp` the inverse negative penalty: the
    number of matches over the rank of the last (Ye et al., TPAMI 2021). `twin_auc` is the probability that a match is
    nearer than a look-alike (same group, another identity; ties count half), NaN where there is none. It compares like
    with like: look-alikes of the query's own camera, in which a match cannot be, are left out, so that chance is 0.5.
    """

    ap: np.ndarray
    first: np.ndarray
    inp: np.ndarray
    twin_auc: np.ndarray
    valid: np.ndarray


def evaluate(query: Features, gallery: Features, protocol: Protocol) -> QueryScores:
    """Ranks the gallery for every query by the protocol's distance.

    Left out of a query's ranking are junk, entries of its own identity and camera (itself, if it is in the gallery) or
    in clothes that the protocol does not want, and distractors where the protocol drops them. Memory is that of a block
    whatever the gallery's size, beyond the features, which may be memory-mapped (a gallery with entries for all queries
    to leave out is copied without them). Raises UserError if the protocol's AP, clothes or distance is unknown or no
    query has a match.
    """
    if protocol.ap not in ("rectangular", "trapezoid"):
        raise UserError(f"protocol {protocol.name}: ap is {protocol.ap!r}; choose rectangular or trapezoid")
    if protocol.clothes not in WORN:
        raise UserError(f"protocol {protocol.name}: clothes is {protocol.clothes!r}; choose {', '.join(WORN)}")
    count = len(query)
    ap, inp, twin_auc = np.full((3, count), np.nan)
    first = np.zeros(count, dtype=np.int64)
    dropped = np.isin(gallery.identities, left_out(protocol))
    if dropped.any():
        gallery = gallery.take(~dropped)
    for row, found in ranked_queries(query, gallery, protocol):
        ranks = found.ranks
        ap[row] = _average_precision(ranks, protocol.ap)
        first[row] = ranks[0]
        inp[row] = len(ranks) / ranks[-1]
        if len(found.twins):
            twin_auc[row] = _auc(found.matches, found.twins)
    if not (first > 0).any():
        raise no_match(protocol, among_queries=_match_each_other(query))
    return QueryScores(ap, first, inp, twin_auc, first > 0)


def no_match(protocol: Protocol, *, among_queries: bool = False) -> UserError:
    """The error where no query has a match; `among_queries` says that they would match each other, whatever is worn."""
    advice = AMONG_QUERIES if among_queries and protocol.clothes == ANY else "use another protocol"
    where = f"in another camera{WORN[protocol.clothes]}"
    return UserError(f"protocol {protocol.name}: no query has a match {where}; {advice}")


def _match_each_other(query: Features) -> bool:
    """Whether any identity is queried from two cameras."""
    seen = np.unique(np.stack([query.identities, query.cameras]), axis=1)[0]
    return len(np.unique(seen)) < len(seen)


def score_samples(scores: QueryScores, query: Sequence[Tracklet]) -> dict[str, list[float]]:
    """The samples of a record: lists of equal length with one entry for each valid query, in order.

    `ap`, `inp`, `top1`, `top5`, `top10`, `top20` (0 or 1), `twin_auc` (0 where `has_twin` is 0), `identity`; and where
    the queries' traits say so `group`, the first identity of those who look alike with this one, `occluded`, and one
    `factor:<name>` for each factor, the last two as masks of 0 and 1.
    """
    valid = scores.valid
    tracklets = [tracklet for tracklet, counts in zip(query, valid, strict=True) if counts]
    has_twin = ~np.isnan(scores.twin_auc[valid])
    columns: dict[str, np.ndarray] = {"ap": scores.ap[valid], "inp": scores.inp[valid]}
    columns |= {f"top{rank}": scores.first[valid] <= rank for rank in RANKS}
    columns |= {"has_twin": has_twin, "twin_auc": np.where(has_twin, scores.twin_auc[valid], 0.0)}
    columns |= {name: np.array(values)[valid] for name, values in whose(query).items()}
    if any("occluded" in t.traits for t in tracklets):
        columns["occluded"] = np.array([t.traits.get("occluded", 0) == 1 for t in tracklets])
    for factor in sorted({str(t.traits["factor"]) for t in tracklets if t.traits.get("factor")}):
        columns[f"factor:{factor}"] = np.array([t.traits.get("factor") == factor for t in tracklets])
    return {name: column.astype(np.float64).tolist() for name, column in columns.items()}


def lookalike_floor(query: Features, row: int, gallery: Features, protocol: Protocol) -> float:
    """The average precision expected of a query whose group of look-alikes is found and not one of it told apart.

    Of n entries of the group, m of them matches, in random order: a match is at each place k alike, and of the k - 1
    entries above it (k - 1) q are expected to be matches, q = (m - 1) / (n - 1). So by the rectangular rule
    E[AP] = 1/n sum_k (1 + (k - 1) q) / k; the trapezoid rule takes the mean of that precision and the one an entry
    above, which is q, and 1 at the first place. A score has to exceed it to show that the look-alikes' factor is seen;
    without look-alikes it is 1.
    """
    own, group = gallery.identities == query.identities[row], query.groups[row]
    matches = int(query.matches(row, gallery, np.flatnonzero(own), protocol).sum())
    twins = int(((gallery.groups == group) & ~own).sum()) if group else 0
    n = matches + twins
    k = np.arange(1, n + 1)
    precision = (1 + (k - 1) * (matches - 1) / max(1, n - 1)) / k
    if protocol.ap == "trapezoid":
        precision = (precision + np.where(k > 1, (matches - 1) / max(1, n - 1), 1)) / 2
    return float(precision.mean())


def _average_precision(ranks: np.ndarray, rule: str) -> float:
    found = np.arange(1, len(ranks) + 1)
    precision = found / ranks
    if rule == "trapezoid":
        # The precision one entry above a match; above the first entry it is 1.
        before = np.divide(found - 1, ranks - 1, out=np.ones(len(ranks)), where=ranks > 1)
        precision = (precision + before) / 2
    return float(precision.mean())


def _auc(matches: np.ndarray, twins: np.ndarray) -> float:
    difference = matches[:, None] - twins[None, :]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())
