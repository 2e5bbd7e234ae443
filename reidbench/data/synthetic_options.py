"""What the options of the synthetic dataset mean, for `bench.py data synthetic --help`, which imports no arrays."""

from __future__ import annotations

from collections.abc import Mapping

ABOUT: Mapping[str, tuple[str, str]] = {
    "train_ids": ("N", "identities to train on"),
    "test_ids": ("N", "identities to test on"),
    "cameras": ("N", "cameras, 2 to 6, each of which sees every identity"),
    "tracklets": ("N", "tracklets of an identity from each camera"),
    "frames": ("N", "frames of a tracklet"),
    "height": ("PIXELS", "height of a frame"),
    "width": ("PIXELS", "width of a frame"),
    "occlusion": ("SHARE", "share of tracklets with an occluder, 0 to 1"),
    "detail": ("SHARE", "share of identities told apart by a small emblem alone, 0 to 1"),
    "gait": (
        "SHARE",
        "share told apart by the tempo of their gait alone, 0 to 1; with --detail at most 1",
    ),
    "camera_shift": ("FACTOR", "how far the images of the cameras differ, 0 to 2"),
    "rate": ("FACTOR", "frames a unit of time, 0.25 to 4; at 0.5 a gait cycle has half as many"),
    "misalignment": ("FACTOR", "how far the detector's boxes stray, 0 (everybody centred) to 6"),
    "seed": ("N", "random seed of persons, cameras and walks"),
}
"""By option: its metavar and a line."""
