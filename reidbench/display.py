"""What a run shows: a live table on a terminal, plain lines elsewhere. Writes to stderr, so that stdout stays data."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from reidbench import registry
from reidbench.plan import Plan
from reidbench.spec import Cell, Record
from reidbench.statistics import estimate

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

MARKS = {"stored": "", "ok": "", "running": "…", "failed": "failed", "out-of-memory": "OOM", "waiting": "·"}
LINE_EVERY = 20.0
"""Seconds between two plain progress lines of one cell."""


@dataclass
class Progress:
    """Where a running cell is; `since` is the time of its first progress event, at step `first`."""

    cell: Cell
    done: int
    total: int
    note: str
    since: float
    first: int

    def seconds_left(self, now: float) -> float | None:
        steps = self.done - self.first
        if steps <= 0 or now <= self.since:
            return None
        return (now - self.since) / steps * (self.total - self.done)

    def describe(self, now: float) -> str:
        """Step, note and time left; the rows of an interleaved session are at the same step and share a line."""
        left = self.seconds_left(now)
        time_left = f", {duration(left)} left" if left is not None and self.done < self.total else ""
        shared = is_shared(self.cell)
        who = describe(self.cell) if shared else f"{self.cell.row} · {self.cell.measurement}"
        if not self.total:
            return f"{who} starting"
        return f"{who} {self.done}/{self.total}{'' if shared else f' {self.note}'}{time_left}"


class PlainDisplay:
    """One line for every cell that starts, goes on for long, or ends."""

    def __init__(self, plan: Plan, stream: TextIO) -> None:
        self._stream = stream
        self._total = len(plan.all_cells())
        self._settled = 0
        self._shown: dict[str, float] = {}
        self._running: dict[str, Progress] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def state(self, cell: Cell, state: str, record: Record | None = None) -> None:
        with self._lock:
            if state == "running":
                self._shown[cell.key] = time.monotonic()
                return
            self._settled += 1
            if state == "stored":
                return
            took = f" in {duration(record.seconds)}" if record else ""
            value = f": {headline(cell, record)}" if record and state == "ok" else ""
            what = "" if state == "ok" else f": {state}"
            self._print(f"[{self._settled}/{self._total}] {cell.row} · {describe(cell)}{value}{what}{took}")

    def progress(self, cell: Cell, done: int, total: int, note: str) -> None:
        with self._lock:
            now = time.monotonic()
            previous = self._running.get(cell.key)
            since, first = (previous.since, previous.first) if previous else (now, done)
            self._running[cell.key] = Progress(cell, done, total, note, since, first)
            subject = describe(cell) if is_shared(cell) else cell.key
            if now - self._shown.setdefault(subject, now) >= LINE_EVERY:
                self._shown[subject] = now
                self._print(f"    {self._running[cell.key].describe(now)}")

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class LiveDisplay:
    """A table of rows x measurements that fills in, with a line for each running cell below it."""

    def __init__(self, plan: Plan, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._plan = plan
        self._states: dict[str, tuple[str, Record | None]] = {}
        self._running: dict[str, Progress] = {}
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._render, console=Console(file=stream), refresh_per_second=4)

    def __enter__(self) -> LiveDisplay:
        self._live.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._live.__exit__(*exception)

    def state(self, cell: Cell, state: str, record: Record | None = None) -> None:
        with self._lock:
            self._states[cell.key] = (state, record)
            if state == "running":
                self._running[cell.key] = Progress(cell, 0, 0, "", time.monotonic(), 0)
            else:
                self._running.pop(cell.key, None)

    def progress(self, cell: Cell, done: int, total: int, note: str) -> None:
        with self._lock:
            now = time.monotonic()
            previous = self._running.get(cell.key)
            since, first = (previous.since, previous.first) if previous and previous.total else (now, done)
            self._running[cell.key] = Progress(cell, done, total, note, since, first)
            self._states[cell.key] = ("running", None)

    def _render(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        with self._lock:
            now = time.monotonic()
            running = dict.fromkeys(item.describe(now) for item in self._running.values())
            lines = [Text(line, overflow="ellipsis", no_wrap=True) for line in running]
            cells = self._plan.all_cells()
            settled = sum(self._states.get(cell.key, ("", None))[0] not in ("", "running") for cell in cells)
            summary = Text(f"{settled}/{len(cells)} cells, {duration(now - self._began)} so far", style="dim")
            return Group(self._table(), *lines, summary)

    def _table(self) -> Table:
        from rich import box
        from rich.table import Table

        title = f"{self._plan.name}: {self._plan.suite.title}"
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        columns = self._columns()
        for heading in columns:
            table.add_column(heading, justify="right")
        for row in self._plan.suite.rows:
            table.add_row(row.name, *(self._cell_text(row.name, index) for index in columns.values()))
        return table

    def _columns(self) -> dict[str, int]:
        """The first column of each measurement and device, by its short title."""
        chosen: dict[str, int] = {}
        taken = set()
        for index, column in enumerate(self._plan.suite.columns):
            place = (column.measurement, str(column.settings))
            if place not in taken and any(key[1] == index for key in self._plan.cells):
                taken.add(place)
                quantity = registry.measurements()[column.measurement].quantities[column.field]
                title = quantity.title.replace("/", "\n/", 1)
                unit = quantity.unit if quantity.unit not in quantity.title else ""
                chosen["\n".join(filter(None, (title, unit, *map(str, column.settings.values()))))] = index
        return chosen

    def _cell_text(self, row: str, index: int) -> str:
        cells = self._plan.cells.get((row, index), ())
        states = [self._states.get(cell.key, ("waiting", None)) for cell in cells]
        records = [record for _, record in states if record is not None and record.status == "ok"]
        if cells and len(records) == len(cells):
            return value_text(cells[0], self._plan.suite.columns[index].field, records)
        for state, _ in states:
            if state in ("failed", "out-of-memory", "running"):
                return MARKS[state]
        return MARKS["waiting"] if cells else ""


def open_display(plan: Plan, *, stream: TextIO | None = None) -> PlainDisplay | LiveDisplay:
    """The live display on a terminal, the plain one elsewhere."""
    stream = stream or sys.stderr
    kind: Callable[[Plan, TextIO], PlainDisplay | LiveDisplay] = LiveDisplay if stream.isatty() else PlainDisplay
    return kind(plan, stream)


def headline(cell: Cell, record: Record) -> str:
    """The first quantity of a record, with its unit."""
    quantities = registry.measurements()[cell.measurement].quantities
    name, quantity = next(iter(quantities.items()))
    return f"{quantity.title} {value_text(cell, name, [record])} {quantity.unit}".rstrip()


def value_text(cell: Cell, name: str, records: list[Record]) -> str:
    quantity = registry.measurements()[cell.measurement].quantities[name]
    found = estimate(quantity, name, records)
    return "-" if found is None else f"{found.value * quantity.scale:.{quantity.digits}f}"


def is_shared(cell: Cell) -> bool:
    """Whether a cell is measured side by side with others, and so makes the same progress as they."""
    return registry.measurements()[cell.measurement].mode == "interleaved"


def describe(cell: Cell) -> str:
    """The measurement with what distinguishes its cells."""
    settings = cell.settings
    parts = [str(settings[name]) for name in ("device", "precision") if name in settings]
    if "seed" in settings:
        parts.append(f"seed {settings['seed']}")
    return " ".join((cell.measurement, *parts))


def duration(seconds: float) -> str:
    """`0:07`, `12:30` or `1:02:03`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
