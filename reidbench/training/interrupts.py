"""Ctrl-C between two steps: a step that is cut in half leaves a state that no resumed training may go on from."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def hung_up(number: int, frame: FrameType | None) -> None:
    """A handler of SIGHUP: raises KeyboardInterrupt, and has what is still told on a closed terminal go nowhere.

    To fail there would hide the interrupt from those who keep what was done.
    """
    _leave_what_is_closed()
    raise KeyboardInterrupt


def _leave_what_is_closed() -> None:
    for descriptor in (1, 2):
        try:
            os.write(descriptor, b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


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
        if number == signal.SIGHUP:
            _leave_what_is_closed()

    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS if main}
    held = {n: handler for n, handler in before.items() if handler in (signal.default_int_handler, hung_up)}
    for number in held:
        signal.signal(number, hold)
    try:
        yield came
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt
