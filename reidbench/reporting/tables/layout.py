"""Lays a table out as blocks of text cells, narrow enough to read, and writes them as plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from reidbench.planning.plan import NOT_HERE, PUBLISHED_ONLY, Plan
from reidbench.reporting.documents.block import CONTINUED, WORDS, Block
from reidbench.reporting.tables.intervals import estimate_text
from reidbench.reporting.tables.matching import prints_as
from reidbench.reporting.tables.table import NO_QUERY, Entry, Heading, Table
from reidbench.spec import Quantity, Row

WIDTH = 100
"""Characters a block may be wide."""

DAGGER = "†"
"""Marks a row that only a publication has values for."""

ABOUT = "≈"
"""Marks a row whose model is not the published method in every respect."""

AGREES = "agrees"
"""Stands in place of a difference where the measured value is the published one to its printed digits."""

APPROXIMATE = "approximate: not the published method in every respect, see the notes"

PUBLISHED = "Published values, of other datasets or devices than those measured here"
"""The title of the columns of which nothing can be measured on the machine."""


EMPTY = ("missing", "absent", "published")
"""States of entries that nothing was measured for."""


@dataclass(frozen=True)
class _Strip:
    """The printed columns of one heading, kept together: measured, and where published also that and the difference."""

    heading: Heading
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    best: int
    notes: tuple[str, ...]

    def has_value(self, row: int) -> bool:
        return any(text != WORDS["published"] for text in self.lines[row])

    def is_tried(self, row: int) -> bool:
        """Whether there is more to see than that it was not run."""
        return any(text not in (WORDS["published"], WORDS["missing"]) for text in self.lines[row])

    def of_rows(self, kept: Sequence[int]) -> _Strip:
        """The strip with some of its lines."""
        best = kept.index(self.best) if self.best in kept else -1
        return replace(self, lines=tuple(self.lines[i] for i in kept), best=best)

    @cached_property
    def width(self) -> int:
        return sum(max(map(len, column)) + 3 for column in zip(self.header, *self.lines, strict=True))


def blocks(table: Table, width: int = WIDTH) -> list[Block]:
    """The table as blocks, one for each way of measuring, split where it would be wider than `width` characters.

    Blocks in which nothing is measured yet are left out beside others, and rows where these are most of a block; the
    report names them too.

    A column that cannot be measured here at all shows what was published, in the last block, or is left out; the report
    names it. So is, in each block, a row that only a publication has values for, where it has none there.
    """
    return [block for title, strips in _groups(table).items() for block in _split(title, table, strips, width)]


def whole_block(table: Table) -> Block | None:
    """All columns of `blocks` side by side, however wide, under what each way of measuring is called in short.

    None where there is no block.
    """
    groups = _groups(table)
    if not groups:
        return None
    names = {title: group_name(strips[0].heading, table) for title, strips in groups.items()}
    alike = {name for name, count in Counter(names.values()).items() if count > 1}
    block = _split(table.plan.suite.title, table, [strip for strips in groups.values() for strip in strips], 0)[0]
    spans = (
        (title if names[title] in alike else names[title], sum(len(strip.header) for strip in strips))
        for title, strips in groups.items()
    )
    return replace(block, groups=tuple(spans))


def _groups(table: Table) -> dict[str, list[_Strip]]:
    """The columns that are shown, by the titles of their blocks."""
    groups: dict[str, list[_Strip]] = {}
    filled: set[str] = set()
    measured = any(entry.state not in EMPTY for entry in table.entries.values())
    for heading in table.headings:
        entries = list(table.column(heading).values())
        title = block_title(heading, table)
        if is_measured(entries) or any(entry.published for entry in entries):
            groups.setdefault(title, []).append(_strip(heading, entries, table))
        if any(entry.published or entry.state not in EMPTY for entry in entries):
            filled.add(title)
    kept = [(title, strips) for title, strips in groups.items() if title in filled or not measured]
    return dict(sorted(kept, key=lambda group: group[0] == PUBLISHED))


def _mark(row: Row) -> str:
    return (ABOUT if row.approximate else "") if row.model else DAGGER


def _meanings(rows: Sequence[Row]) -> Iterator[str]:
    """A note for each mark after the names of rows; one names the rows that have no model, with their reasons."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if not row.model:
            reasons.setdefault(row.absent or NOT_HERE, []).append(row.name)
    if reasons:
        told = "; ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items())
        yield f"{DAGGER} {PUBLISHED_ONLY}: {told}."
    if any(row.model and row.approximate for row in rows):
        yield f"{ABOUT} {APPROXIMATE}."


def is_measured(entries: Iterable[Entry]) -> bool:
    """Whether any row of a column can be measured here, be it done or not; not one over queries that there are not."""
    told = list(entries)
    if any(entry.reason == NO_QUERY for entry in told) and not any(entry.estimate for entry in told):
        return False
    return any(entry.state not in ("absent", "published") for entry in told)


def block_title(heading: Heading, table: Table) -> str:
    """What the numbers of a block have in common: the data and the protocol, or the device they ran on."""
    settings = heading.settings
    if not is_measured(table.column(heading).values()):
        return PUBLISHED
    if heading.training:
        what = heading.column.measurement.capitalize()
        about = f"dataset {training_text(settings, table.plan)}"
        # Where a model was trained is no part of its accuracy, but what runs it is.
        where = heading.ran_on if "backend" in settings else []
        return f"{what}: {', '.join([*where, about])}"
    if "device" not in settings:
        return "Cost: counted at the paper's scale"
    return f"Cost: {', '.join(heading.ran_on)}, the paper's scale"


def group_name(heading: Heading, table: Table) -> str:
    """The same in short, for a line above the columns."""
    settings = heading.settings
    if not is_measured(table.column(heading).values()):
        return "Published"
    where = heading.ran_on if "device" in settings and not (heading.training and "backend" not in settings) else []
    what = [heading.column.measurement.capitalize()] if heading.training else [] if where else ["Counted"]
    return ", ".join([*what, *where])


def training_text(settings: Mapping[str, Any], plan: Plan) -> str:
    """What trained cells have in common: the data, the protocol, the preset, and how often each row is trained."""
    dataset = settings.get("dataset", {})
    name = dataset.get("name", plan.preset.dataset) + (" (a subset)" if dataset.get("subset") else "")
    protocol = [f"protocol {settings['protocol']['name']}"] if "protocol" in settings else []
    return ", ".join([name, *protocol, f"preset {plan.preset.name}", repeats_text(plan)])


def seeds_text(count: int) -> str:
    return f"{count} seed{'s' if count != 1 else ''}"


def repeats_text(plan: Plan) -> str:
    """How often each row is trained: on which splits of its dataset, and with how many seeds."""
    seeds = seeds_text(plan.preset.seeds)
    return f"{plan.splits.text}, {seeds}" if plan.splits.count else seeds


def several(plan: Plan) -> str:
    """What a row is trained several times over: "splits" or "seeds"; "" where it is trained once."""
    return "splits" if plan.splits.several else "seeds" if plan.preset.seeds > 1 else ""


def entry_text(heading: Heading, entry: Entry) -> str:
    """The cell of an entry: its value, or the word for its state; a stale value is called so."""
    if entry.estimate is None:
        return WORDS[entry.state]
    text = estimate_text(heading.quantity, entry.estimate, training=heading.training)
    partial = f"{text} [{len(entry.records)} of {entry.planned}]"
    return {"stale": f"stale: {text}", "partial": partial}.get(entry.state, text)


def _strip(heading: Heading, entries: Sequence[Entry], table: Table) -> _Strip:
    quantity = heading.quantity
    title = heading_text(heading)
    names = [row.name for row in table.plan.suite.rows]
    best = names.index(heading.best) if heading.best else -1
    if not is_measured(entries):
        published = tuple((entry.published or "-",) for entry in entries)
        return _Strip(heading, (f"{title} published",), published, -1, ())
    columns = [[entry_text(heading, entry) for entry in entries]]
    header: list[str] = [title]
    notes: list[str] = []
    if any(entry.published for entry in entries):
        header.append("published")
        columns.append([entry.published or "-" for entry in entries])
        notes = list(dict.fromkeys(entry.incomparable for entry in entries if entry.incomparable))
        if any(entry.difference is not None for entry in entries):
            header.append("diff.")
            columns.append([_against_published(quantity, entry) for entry in entries])
    return _Strip(heading, tuple(header), tuple(zip(*columns, strict=True)), best, tuple(notes))


def column_name(heading: Heading) -> str:
    """What a column is called in a sentence: "mAP", or at a level of a factor "mAP at occlusion rate 0.2"."""
    own, quantity = heading.column.title, heading.quantity.title
    return f"{quantity} at {own}" if heading.column.level[0] else own or quantity


def heading_text(heading: Heading) -> str:
    """The name of a column, with its dataset where it is bound to one, and its unit."""
    quantity = heading.quantity
    name = " ".join(filter(None, (heading.column.title or quantity.title, heading.column.dataset)))
    return f"{name} ({quantity.unit})" if quantity.unit and quantity.unit not in name else name


def _against_published(quantity: Quantity, entry: Entry) -> str:
    """Measured minus published, or that the measured value is printed so."""
    if entry.difference is None:
        return "-"
    return AGREES if agrees(quantity, entry) else f"{entry.difference:+z.{quantity.digits}f}"


def agrees(quantity: Quantity, entry: Entry) -> bool:
    """Whether a comparable value is the published one to its printed digits, rounded or cut."""
    if entry.difference is None or entry.estimate is None:
        return False
    return prints_as(entry.estimate.value * quantity.scale, entry.published)


def _split(title: str, table: Table, strips: Sequence[_Strip], width: int) -> list[Block]:
    """As few blocks as fit into `width`, of about the same width; one where that is 0."""
    rows = table.plan.suite.rows
    kept = [i for i, row in enumerate(rows) if row.model or any(strip.has_value(i) for strip in strips)]
    names = [f"{rows[i].name} {_mark(rows[i])}".rstrip() for i in kept]
    remarks = tuple(_meanings([rows[i] for i in kept]))
    strips = [strip.of_rows(kept) for strip in strips]
    if not width:
        return [_tried(title, names, strips, remarks)]
    room = width - max(len("row"), *map(len, names)) - 4
    fewest = len(_shelves(strips, room))
    narrow = next((most for most in range(room) if len(_shelves(strips, most)) == fewest), room)
    shelves = _shelves(strips, narrow)
    titles = [title, *[title + CONTINUED] * (len(shelves) - 1)]
    return [_tried(text, names, shelf, remarks) for text, shelf in zip(titles, shelves, strict=True)]


def _tried(title: str, names: Sequence[str], strips: Sequence[_Strip], remarks: tuple[str, ...]) -> Block:
    """A block without the rows of which nothing is run yet, where these are most; a note tells how many."""
    tried = [i for i in range(len(names)) if any(strip.is_tried(i) for strip in strips)]
    left = len(names) - len(tried)
    if not tried or left <= len(tried):
        return _block(title, names, strips, remarks)
    note = f"Left out: {left} rows of which nothing is run yet."
    return _block(title, [names[i] for i in tried], [strip.of_rows(tried) for strip in strips], (*remarks, note))


def _shelves(strips: Sequence[_Strip], room: int) -> list[list[_Strip]]:
    shelves: list[list[_Strip]] = []
    left = 0
    for strip in strips:
        if not shelves or strip.width > left:
            shelves.append([])
            left = room
        shelves[-1].append(strip)
        left -= strip.width
    return shelves


def _block(title: str, names: Sequence[str], strips: Sequence[_Strip], remarks: tuple[str, ...]) -> Block:
    header, lines, bold = ["row"], [[name] for name in names], set()
    notes = list(dict.fromkeys(note for strip in strips for note in strip.notes))
    for strip in strips:
        if strip.best >= 0:
            bold.add((strip.best, len(header)))
        marks = "".join(_superscript(notes.index(note) + 1) for note in strip.notes)
        header += [text + marks if text == "published" else text for text in strip.header]
        for line, cells in zip(lines, strip.lines, strict=True):
            line += cells
    numbered = tuple(f"{_superscript(i)} {note}." for i, note in enumerate(notes, 1))
    columns = tuple(strip.heading.index for strip in strips)
    return Block(title, tuple(header), tuple(map(tuple, lines)), frozenset(bold), (*numbered, *remarks), columns)


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
