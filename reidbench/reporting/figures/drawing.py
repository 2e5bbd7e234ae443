"""A second process that draws figures while the first one goes on: `python -m reidbench.reporting.figures.drawing`.

The two share nothing but the files. This process draws the figures of several tables from the first table on; the one
that writes the report draws them from the last one on, and a figure that bears its stamp already is not drawn again.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from reidbench.discovery.importing import child_environment
from reidbench.reporting.figures import draw_figures, undrawn
from reidbench.reporting.tables.table import Table

FEWEST = 6
"""Figures to be drawn below which a second process is not worth its start of about a second."""

Work = Sequence[tuple[Table, Path]]
"""Tables, each with what the names of its figures start with (`draw_figures`)."""


@contextmanager
def drawing_beside(work: Work, *, printed: bool = False) -> Iterator[None]:
    """Has a second process draw figures meanwhile, where there are many to draw and a core to do it.

    `printed` is as `draw_figures` has it.
    """
    missing = sum(undrawn(table, stem, printed=printed) for table, stem in work)
    if missing < FEWEST or (os.cpu_count() or 1) < 2:
        yield
        return
    process = start(work, printed=printed)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def start(work: Work, *, printed: bool = False) -> subprocess.Popen[bytes]:
    """The process, begun. It says nothing; whoever misses a figure draws it, and finds what was wrong with it."""
    # A file, for a pipe would have to be fed until the process has started.
    with tempfile.TemporaryFile() as content:
        pickle.dump((list(work), printed), content)
        content.seek(0)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "reidbench.reporting.figures.drawing"],
            stdin=content,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
        )


def main() -> None:
    """Draws what stands on stdin; stops without leaving half a file when told to end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        work, printed = pickle.load(sys.stdin.buffer)
        for table, stem in work:
            draw_figures(table, stem, printed=printed)


if __name__ == "__main__":
    main()
