"""The report of one row beside another on every machine: sentences, a table a machine, a figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from reidbench.reporting.documents.block import Block
from reidbench.reporting.documents.document import Code, Document, Paragraph, Part, Picture, Tabular, items, section
from reidbench.reporting.findings.machines import Comparison, Place, Way, headlines, ratio_quantity, title
from reidbench.reporting.tables.intervals import estimate_text

MANY = "many clips at once"
NONE = "-"
IN_DOUBT = " †"
CAPTION = (
    "Time of a frame of {row} over that of {reference}: filled, one clip at a time, with 95 % intervals; hollow, "
    "{many}, each row at its best batch"
)


def machines_document(found: Comparison, figures: Iterable[Path], command: str) -> Document:
    """The report. `figures` are the files beside it, `command` the command line that wrote it."""
    parts = (
        Paragraph(
            f"How long a frame of {found.row} takes beside one of {found.reference}, as recorded on "
            f"{len(found.places)} machine{'s' if len(found.places) > 1 else ''}, for whatever suite it was measured. "
            f"A ratio of 1 is {found.reference}'s time; below 1, {found.row} takes less."
        ),
        section("Summary", items(headlines(found))),
        *_pictures(found, figures),
        *(Tabular((machine_block(found, place),)) for place in found.places),
        section("Remarks", items(remarks(found))),
        section("Methods", items(_methods(found))),
        section("How to reproduce", Code(command)),
    )
    return Document(title(found), tuple(part for part in parts if part))


def machine_block(found: Comparison, place: Place) -> Block:
    """What one machine has: a line for each way of running the two rows."""
    header = (
        "run by",
        f"{found.reference} (ms/frame)",
        f"{found.row} (ms/frame)",
        "one clip (x)",
        f"{MANY} (x)",
        "clips",
    )
    what = [str(place.machine[kind]) for kind in ("cpu", "gpu") if place.machine.get(kind)]
    cores = place.machine.get("cores")
    about = "; ".join([*what, *([f"{cores} cores"] if cores else [])])
    lines = tuple((", ".join(way.ran_on), *_cells(way)) for way in place.ways)
    return Block(f"{place.name} ({about})", header, lines, frozenset(), ())


def remarks(found: Comparison) -> Iterator[str]:
    """What to know of the times of each machine before they are trusted."""
    for place in found.places:
        doubts = (line for way in place.ways for line in (*way.doubts, *way.doubts_at_once))
        said = dict.fromkeys([*place.remarks, *doubts])
        yield from (f"{place.name}: {line.rstrip('.')}." for line in said)


def _cells(way: Way) -> Iterator[str]:
    """Of a line: the times of a frame and their ratio, the ratio of many clips at once, and how many these are."""
    quantity = ratio_quantity()
    digits = 1 if way.ran_on[0] == "cpu" else 3
    yield from (f"{known.value * 1e3:.{digits}f}" for known in way.times or ())
    yield from [NONE] * (2 - len(way.times))
    for known, doubts in ((way.ratio, way.doubts), (way.at_once, way.doubts_at_once)):
        yield estimate_text(quantity, known) + (IN_DOUBT if doubts else "") if known else NONE
    yield " and ".join(map(str, way.clips)) or NONE


def _methods(found: Comparison) -> Iterator[str]:
    yield (
        "One clip: both rows take turns in one session; the ratio is the median of the quotients of each round, with "
        "its 95 % interval, which also covers how sessions differ where the machine is calibrated. "
        "Times are medians, of a frame."
    )
    yield (
        f"{MANY.capitalize()}: the time of a frame where each row computes as many as suit it best, told under clips, "
        f"{found.reference}'s first. There is no interval where it is not known how sessions differ, which is "
        "measured of one clip."
    )
    if any(way.ran_on[0] == "cuda" for place in found.places for way in place.ways):
        yield "On a GPU that has TF32, fp32 is TF32 in convolutions, torch's default; ieee32 is float32 throughout."
    yield "A way counts as less time where the whole interval lies below 1, or where there is none the value."
    if _any_in_doubt(found):
        yield f"{IN_DOUBT.strip()}: in doubt, as the remarks say; the summary leaves it out."
    yield f"{NONE}: not measured. What is out of date is left out; each machine's own reports name it."


def _any_in_doubt(found: Comparison) -> bool:
    return any(way.doubts or way.doubts_at_once for place in found.places for way in place.ways)


def _pictures(found: Comparison, figures: Iterable[Path]) -> Iterator[Part]:
    for path in (path for path in figures if path.suffix == ".svg"):
        about = CAPTION.format(row=found.row, reference=found.reference, many=MANY)
        about += "; dashed, the ratio of the multiply-accumulates" if found.share is not None else ""
        about += "; grey, the published ratio as far as its digits tell" if found.published else ""
        about += "; pale, what is in doubt" if _any_in_doubt(found) else ""
        yield Picture(path, about, f"{title(found)}; the numbers are in the tables below")
