"""Workers that misbehave on request: the plugin of the tests of faults."""

import ctypes
import os
import signal
import stat
import threading
import time

from reidbench.registry import measurement, model
from reidbench.spec import Column, Outcome, Quantity, Row, Suite

WAYS = (
    *("well", "dies", "leaves", "crashes", "hangs", "waits for itself", "turns", "leaks"),
    *("tells garbage", "tells noise", "tells another's", "tells no number", "tells without end", "dies in a line"),
    *("leaves a child", "measures text", "measures an object", "measures infinity", "measures nothing"),
)


def tell(text):
    """Writes past the protections to the pipe that the runner reads."""
    for number in range(1, 64):
        try:
            if number > 2 and stat.S_ISFIFO(os.fstat(number).st_mode):
                os.write(number, text)
        except OSError:
            continue


def leak():
    held = []
    while True:
        held.append(bytearray(os.urandom(1)) * 2**22)
        time.sleep(0.01)


def leave_a_child():
    if os.fork() == 0:
        time.sleep(600)
    os._exit(5)


def wait_for_itself():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def turn():
    while True:
        pass


ACTS = {
    "dies": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "leaves": lambda: os._exit(7),
    "crashes": lambda: ctypes.string_at(0),
    "hangs": lambda: time.sleep(600),
    "waits for itself": wait_for_itself,
    "turns": turn,
    "leaks": leak,
    "tells garbage": lambda: (tell(b"epoch 3, loss 0.5\n"), time.sleep(600)),
    "tells noise": lambda: (tell(b"\xff\xfe\x00\x80\n"), time.sleep(600)),
    "tells another's": lambda: (
        tell(b'{"event": "error", "keys": ["0"], "started": "", "seconds": 0, "status": "failed", "error": ""}\n'),
        time.sleep(600),
    ),
    "tells no number": lambda: (
        tell(b'{"event": "progress", "key": "", "done": NaN, "total": 1, "note": ""}\n'),
        time.sleep(600),
    ),
    "tells without end": lambda: [tell(b"." * 2**16) for _ in range(2**20)],
    "dies in a line": lambda: (tell(b'{"event": "outc'), os._exit(1)),
    "leaves a child": leave_a_child,
}


ODD = {"measures text": "long", "measures an object": object(), "measures infinity": float("inf")}


@model()
def unruly(*, classes=0, does="well"):
    """Does what it is told."""


@measurement(quantities={"length": Quantity("length", "", "lower")}, mode="alone")
def unrulyalone(cells, progress):
    """A process each."""
    yield from act(cells, progress)


@measurement(quantities={"length": Quantity("length", "", "lower")}, mode="batch")
def unrulybatch(cells, progress):
    """One after the other."""
    yield from act(cells, progress)


def act(cells, progress):
    for cell in cells:
        progress(cell, 0, 1, "about to")
        print(f"{cell.row} was here", flush=True)
        does = cell.options["does"]
        ACTS.get(does, int)()
        if does in ODD:
            yield cell, Outcome({"length": ODD[does]})
        elif does != "measures nothing":
            yield cell, Outcome({"length": float(len(does))})


ROWS = tuple(Row(way, "unruly", {"does": way}) for way in WAYS)
SUITE = Suite("Unruly", ROWS, (Column("unrulyalone.length"), Column("unrulybatch.length")), "well", figures=())
