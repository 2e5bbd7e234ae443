"""What other processes use of the machine while something is timed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from reidbench import machine


class Load:
    """The cores that other processes used, on average over all that was watched.

    Above a small share of the cores (`machine.BUSY`) times are not to be trusted. Building and exporting are not
    watched: beside minutes of these, a process that disturbs seconds of timing would not show.
    """

    def __init__(self) -> None:
        self._others = self._seconds = 0.0

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Watches while the block lasts; what this process and its children use is not counted."""
        busy, own, clock = machine.busy_seconds(), own_seconds(), time.perf_counter()
        try:
            yield
        finally:
            self._others += (machine.busy_seconds() - busy) - (own_seconds() - own)
            self._seconds += time.perf_counter() - clock

    @property
    def cores(self) -> float:
        """To two decimal places; 0 where nothing was watched."""
        return round(max(0.0, self._others / self._seconds), 2) if self._seconds else 0.0


def own_seconds() -> float:
    """Processor seconds of this process and of its children: those that exported for it, those that compile for it."""
    import psutil

    times = os.times()
    found = times.user + times.system + times.children_user + times.children_system
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            spent = child.cpu_times()
            found += spent.user + spent.system + spent.children_user + spent.children_system
    return found
