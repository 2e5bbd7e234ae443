"""Whether the features of two files are of the same queries and gallery, so that what they score can be paired."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.data.tracklets import Tracklet
from reidbench.retrieval.features import Embedded, holds_queries
from reidbench.spec import ANY, Protocol


def unlike(one: Embedded, other: Embedded) -> str:
    """What the second holds that the first does not, as the end of a sentence about it; "" where they are alike.

    Names count where both have any, and so does the fingerprint of the data.
    """
    here, there = ((len(each.dataset.query), len(each.tracklets)) for each in (one, other))
    if here != there:
        gallery = [tracklets - queries for queries, tracklets in (here, there)]
        return f"holds {there[0]} queries and {gallery[1]} gallery tracklets, not {here[0]} and {gallery[0]}"
    named = all(_are_names(each.tracklets) for each in (one, other))
    wanted, found = (_identities(each.tracklets, named) for each in (one, other))
    if wanted != found:
        if sorted(wanted) == sorted(found):
            return "holds the same tracklets in another order"
        place = next(i for i, (a, b) in enumerate(zip(wanted, found, strict=True)) if a != b)
        return f"holds {_text(found[place])} as tracklet {place + 1}, not {_text(wanted[place])}"
    prints = {each.dataset.fingerprint for each in (one, other)} - {""}
    return "is of other data, by its fingerprint" if len(prints) > 1 else ""


def unlike_under(protocol: Protocol, one: Embedded, other: Embedded) -> str:
    """Why what two files score under a protocol cannot be paired although they hold the same tracklets; "" if it can.

    A file that does not say so is taken to have no queries in the gallery.
    """
    own = [holds_queries(each.dataset, protocol) for each in (one, other)]
    if own[0] != own[1]:
        return "the queries are in the gallery of one of the two alone"
    worn = [[t.worn for t in each.tracklets] for each in (one, other)]
    if protocol.clothes != ANY and worn[0] != worn[1]:
        return "the two do not say the same of what is worn"
    return ""


def _are_names(tracklets: Sequence[Tracklet]) -> bool:
    """Whether tracklets have names of their own, and not numbers for want of any."""
    return any(tracklet.frames[0] != str(number) for number, tracklet in enumerate(tracklets))


def _identities(tracklets: Sequence[Tracklet], named: bool) -> list[tuple[int, int, str]]:
    return [(t.identity, t.camera, t.frames[0] if named else "") for t in tracklets]


def _text(tracklet: tuple[int, int, str]) -> str:
    identity, camera, name = tracklet
    return f"person {identity} in camera {camera}" + (f" ({name})" if name else "")
