"""The named protocols. Imports no torch."""

from __future__ import annotations

from reidbench.spec import Protocol

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
            name="mars_matlab",
            about="as release, AP by the trapezoid rule of the MARS authors' MATLAB",
            queries_in_gallery=True,
            ap="trapezoid",
        ),
        Protocol(name="first_clip", about="as release, from the first clip of a tracklet alone", clips="first"),
        Protocol(name="neck_before", about="as release, each clip through the neck before the mean", neck="before"),
    )
}
"""Every protocol by name."""
