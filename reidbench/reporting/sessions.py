"""How far times lie apart between sessions on a machine, as its calibration found it (`bench.py calibrate`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from pathlib import Path

FILE = "calibration.json"


@dataclass(frozen=True)
class Scatter:
    """The standard deviation, over `sessions`, of the logarithm of the ratio of two rows, beyond that of its rounds."""

    noise: float
    sessions: int

    def tells(self, ratio: float) -> bool:
        """Whether a ratio of two times lies further from 1 than twice what sessions do from each other."""
        return ratio > 0 and abs(log(ratio)) > 2 * self.noise


def scatter_by_device(folder: Path) -> dict[str, Scatter]:
    """The scatter on each device that a machine's folder holds a calibration of; empty where there is none to read."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
        noise, about = float(found["noise"]), found["about"]
        scatter = Scatter(noise, int(about["sessions"]))
        return {str(about["device"]): scatter} if noise >= 0 else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def on_device(scatter: Mapping[str, Scatter], settings: Mapping[str, object]) -> Scatter | None:
    """The scatter of times that were measured with these settings."""
    return scatter.get(str(settings.get("device", "")))
