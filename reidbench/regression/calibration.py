"""How often the gate cries wolf and what it misses, from repeated real sessions of one machine."""

from __future__ import annotations

import json
from math import isfinite, nan
from pathlib import Path

from reidbench.spec import UserError

NAME = "calibration"


def session_noise(folder: Path) -> float:
    """The scatter between sessions that a machine's folder has from its calibration; NaN where there is none."""
    path = folder / f"{NAME}.json"
    if not path.is_file():
        return nan
    try:
        noise = float(json.loads(path.read_text(encoding="utf-8"))["noise"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: damaged; calibrate again (`bench.py calibrate`) or move it away") from None
    if not isfinite(noise) or noise < 0:
        raise UserError(f"{path}: its noise is {noise}; calibrate again (`bench.py calibrate`) or move it away")
    return noise
