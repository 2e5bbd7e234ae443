"""The named protocols. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping

from reidbench.spec import Protocol

MARS_MATLAB = "as release, AP by the trapezoid rule of the MARS authors' MATLAB"

IN_FULL: Mapping[str, str] = {
    Protocol().about: (
        "all frames in clips as long as those that the row was trained with, the mean of their features, neck, cosine; "
        "rectangular AP"
    ),
    MARS_MATLAB: "as release, the queries added to the gallery, AP by the trapezoid rule of the MARS authors' MATLAB",
}
"""What is shown in place of a protocol's `about` that leaves something unsaid. The text itself is part of the keys of
records and stays."""

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(),
        Protocol(
            name="release_no_queries",
            about="as release, the queries left out of the gallery: on MARS 140 of them then lose every match",
            queries_in_gallery=False,
        ),
        Protocol(
            name="release_with_queries",
            about="as release, the queries added to the gallery, also where the dataset's own protocol does not",
            queries_in_gallery=True,
        ),
        Protocol(
            name="no_distractors",
            about="as release, distractors left out of the gallery",
            distractors=False,
        ),
        Protocol(
            name="mars_matlab",
            about=MARS_MATLAB,
            queries_in_gallery=True,
            ap="trapezoid",
        ),
        Protocol(name="first_clip", about="as release, from the first clip of a tracklet alone", clips="first"),
        Protocol(
            name="restricted",
            about="as release, from one clip alone: the first frame of each of as many equal parts of a tracklet",
            clips="restricted",
        ),
        Protocol(name="four_frames", about="as release, all frames in 4-frame chunks", frames=4),
        Protocol(name="neck_before", about="as release, each clip through the neck before the mean", neck="before"),
        Protocol(
            name="euclidean",
            about="as release, Euclidean distance of vectors that are not brought to unit length",
            distance="euclidean",
        ),
        Protocol(
            name="reranked",
            about="as release, k-reciprocal re-ranking (Zhong et al., CVPR 2017; k1 20, k2 6, lambda 0.3)",
            reranking=True,
        ),
        Protocol(
            name="clothes_changing",
            about="as release, a query's identity to be found in other clothes: left out in those of the query",
            clothes="other",
        ),
        Protocol(
            name="same_clothes",
            about="as release, a query's identity to be found in the query's clothes: left out in others",
            clothes="same",
        ),
    )
}
"""Every protocol by name. Junk is left out under all of them: an entry that is left out of every ranking and one that
is not in the gallery are the same."""


def in_full(about: str) -> str:
    """What is shown of a protocol whose `about` this is."""
    return IN_FULL.get(about, about)
