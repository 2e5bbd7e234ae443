"""What a run shows: a live table on a terminal, plain lines elsewhere. Writes to stderr, so that stdout stays data."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from reidbench import registry
from reidbench.data.splits import OPTION, split_of
from reidbench.deployment.backends import ran_on
from reidbench.estimates import estimate
from reidbench.planning.plan import Plan, all_cells
from reidbench.running.pace import LINE_EVERY, Pace, duration
from reidbench.spec import Cell, Record

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

MARKS = {"running": "…", "failed": "failed", "out-of-memory": "OOM", "waiting": "·"}
MOST_COLUMNS = 8
"""Of a live table; where there would be more, each row shows how many of its cells are settled."""

UNSAID = ("device", "precision", "backend", "threads", "version", "trunk", "training", "seed")
"""Settings that no column needs to give: said by other words in a line, or the same in all cells of a run."""


@dataclass(frozen=True)
class Progress:
    """Where a running cell is."""

    cell: Cell
    pace: Pace
    note: str = ""

    def describe(self, now: float) -> str:
        """Step, note and time left; the rows of an interleaved session are at the same step and share a line."""
        shared = is_shared(self.cell)
        who = describe(self.cell) if shared else f"{self.cell.row} · {describe(self.cell)}"
        if not self.pace.total:
            return f"{who} starting"
        note = "" if shared else f" {self.note}"
        return f"{who} {self.pace.done}/{self.pace.total}{note}{self.pace.text_left(now)}"


class Running:
    """The cells that are being measured, by key, each with where it is. Not locked."""

    def __init__(self) -> None:
        self.cells: dict[str, Progress] = {}

    def start(self, cell: Cell) -> None:
        self.cells[cell.key] = Progress(cell, Pace.started(time.monotonic()))

    def advance(self, cell: Cell, done: int, total: int, note: str) -> Progress:
        now, previous = time.monotonic(), self.cells.get(cell.key)
        pace = previous.pace.reached(now, done, total) if previous else Pace.started(now, done, total)
        self.cells[cell.key] = Progress(cell, pace, note)
        return self.cells[cell.key]

    def end(self, cell: Cell) -> None:
        self.cells.pop(cell.key, None)


class PlainDisplay:
    """One line for every cell that starts, goes on for long, or ends."""

    def __init__(self, plans: Sequence[Plan], stream: TextIO) -> None:
        self._stream = stream
        self._total = len(all_cells(plans))
        self._settled = 0
        self._shown: dict[str, float] = {}
        self._running = Running()
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
            self._running.end(cell)
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
            reached = self._running.advance(cell, done, total, note)
            subject = describe(cell) if is_shared(cell) else cell.key
            if now - self._shown.setdefault(subject, now) >= LINE_EVERY:
                self._shown[subject] = now
                self._print(f"    {reached.describe(now)}")

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class LiveDisplay:
    """A table that fills in, with a line for each running cell below it: rows x measurements, or a row a suite."""

    def __init__(self, plans: Sequence[Plan], stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._plans = plans
        self._states: dict[str, tuple[str, Record | None]] = {}
        self._texts: dict[tuple[object, ...], str] = {}
        """Of finished cells: an interval takes long, and whatever is drawn is drawn while something is timed."""
        self._running = Running()
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
                self._running.start(cell)
            else:
                self._running.end(cell)

    def progress(self, cell: Cell, done: int, total: int, note: str) -> None:
        with self._lock:
            self._running.advance(cell, done, total, note)
            self._states[cell.key] = ("running", None)

    def _render(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        with self._lock:
            now = time.monotonic()
            running = dict.fromkeys(item.describe(now) for item in self._running.cells.values())
            lines = [Text(line, overflow="ellipsis", no_wrap=True) for line in running]
            cells = all_cells(self._plans)
            so_far = f"{self._settled(cells)}/{len(cells)} cells, {duration(now - self._began)} so far"
            table = self._suite_table(self._plans[0]) if len(self._plans) == 1 else self._overview()
            return Group(table, *lines, Text(so_far, style="dim"))

    def _settled(self, cells: Sequence[Cell]) -> int:
        return sum(self._states.get(cell.key, ("", None))[0] not in ("", "running") for cell in cells)

    def _overview(self) -> Table:
        table = _new_table("")
        table.add_column("suite", no_wrap=True)
        table.add_column("cells", justify="right")
        table.add_column("title", no_wrap=True, overflow="ellipsis")
        for plan in self._plans:
            cells = plan.all_cells()
            table.add_row(plan.name, f"{self._settled(cells)}/{len(cells)}", plan.suite.title)
        return table

    def _suite_table(self, plan: Plan) -> Table:
        table = _new_table(f"{plan.name}: {plan.suite.title}")
        table.add_column("", no_wrap=True)
        columns = self._columns(plan)
        if len(columns) > MOST_COLUMNS:
            table.add_column("cells", justify="right")
            for row in plan.suite.rows:
                mine = {c.key: c for (name, _), cells in plan.cells.items() if name == row.name for c in cells}
                table.add_row(row.name, f"{self._settled(list(mine.values()))}/{len(mine)}")
            return table
        for heading in columns:
            table.add_column(heading, justify="right")
        for row in plan.suite.rows:
            table.add_row(row.name, *(self._cell_text(plan, row.name, index) for index in columns.values()))
        return table

    def _columns(self, plan: Plan) -> dict[str, int]:
        """The first column of each measurement, device and dataset, by its short title."""
        chosen: dict[str, int] = {}
        taken = set()
        for index, column in enumerate(plan.suite.columns):
            place = (column.measurement, str(column.settings), str(column.data))
            if place not in taken and any(key[1] == index for key in plan.cells):
                taken.add(place)
                quantity = registry.quantity(column)
                title = (column.title or quantity.title).replace("/", "\n/", 1)
                unit = quantity.unit if quantity.unit not in quantity.title else ""
                chosen["\n".join(filter(None, (title, unit, *map(str, column.settings.values()))))] = index
        return chosen

    def _cell_text(self, plan: Plan, row: str, index: int) -> str:
        cells = plan.cells.get((row, index), ())
        states = [self._states.get(cell.key, ("waiting", None)) for cell in cells]
        records = [record for _, record in states if record is not None and record.status == "ok"]
        if cells and len(records) == len(cells):
            shown = (index, *((record.key, record.started) for record in records))
            if shown not in self._texts:
                self._texts[shown] = value_text(cells[0], plan.suite.columns[index].field, records)
            return self._texts[shown]
        for state, _ in states:
            if state in ("failed", "out-of-memory", "running"):
                return MARKS[state]
        return MARKS["waiting"] if cells else ""


def open_display(plans: Sequence[Plan], *, stream: TextIO | None = None) -> PlainDisplay | LiveDisplay:
    """The live display on a terminal, the plain one elsewhere."""
    stream = stream or sys.stderr
    return LiveDisplay(plans, stream) if stream.isatty() else PlainDisplay(plans, stream)


def _new_table(title: str) -> Table:
    from rich import box
    from rich.table import Table

    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


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
    """The measurement with what distinguishes its cells: what runs it, split and seed, a column's own settings."""
    settings = cell.settings
    parts = ran_on(settings)
    options = dict(settings.get("dataset", {}).get("options", {}))
    if (split := split_of(settings)) is not None:
        parts.append(f"split {split}")
        del options[OPTION]
    if "seed" in settings:
        parts.append(f"seed {settings['seed']}")
    own = {
        name: value for name, value in settings.items() if name not in UNSAID and isinstance(value, str | int | float)
    }
    return " ".join((cell.measurement, *parts, *(f"{name}={value}" for name, value in {**own, **options}.items())))
