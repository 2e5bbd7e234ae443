"""Ctrl-C between two steps: a step that is cut in half leaves a state that no resumed training may go on from."""

from __future__ import annotations

import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interrupts_held() -> Iterator[Collection[int]]:
    """Holds back the signals that would raise KeyboardInterrupt, and gives those that came; the caller looks there.

    The same signal a second time raises at once, for a user who will not wait; so does the end of the block if it
    ends by itself and a signal came. Other handlers, and threads other than the main one, are left alone.
    """
    came: set[int] = set()

    def hold(number: int, frame: FrameType | None) -> None:
        if number in came:
            raise KeyboardInterrupt
        came.add(number)

    main = threading.current_thread() is threading.main_thread()
    held = [number for number in SIGNALS if main and signal.getsignal(number) is signal.default_int_handler]
    for number in held:
        signal.signal(number, hold)
    try:
        yield came
    finally:
        for number in held:
            signal.signal(number, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt
