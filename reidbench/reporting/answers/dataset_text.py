"""A dataset on the terminal: how it compares with what was published, and what it looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from reidbench.data.checkup import Checkup
from reidbench.data.description import Description
from reidbench.data.splits import written_splits
from reidbench.reporting.documents.block import text_lines

SHOWN = 20
"""Problems and remarks shown; `--json` has all."""


def check_lines(found: Checkup) -> Iterator[str]:
    """What was found beside what was expected, what is wrong, and a last line that says it all."""
    yield f"{found.title} in {found.root}"
    if found.counts:
        yield ""
        rows = [("", "found", "expected"), *((c.name, f"{c.found}", _known(c.expected)) for c in found.counts)]
        marks = ["", *(f"   differs: see {c.file}" if c.differs else "" for c in found.counts)]
        yield from (f"{line}{mark}" for line, mark in zip(text_lines(rows), marks, strict=True))
        yield ""
    if found.unmatched is not None:
        told = ", ".join(f"{number} with {how}" for how, number in found.unmatched.items())
        yield f"queries without a match in another camera: {told}"
    if found.decoded:
        yield f"frames decoded: {found.decoded}"
    yield from _listed("problem", found.problems)
    yield from _listed("remark", found.remarks)
    yield _verdict(found)


def other_split_lines(first: Checkup, others: Mapping[int, Checkup]) -> Iterator[str]:
    """What is otherwise in further random splits of a dataset than in the one that was shown."""
    alike = [number for number, other in others.items() if _findings(other) == _findings(first)]
    if alike:
        yield f"split{'s' if len(alike) > 1 else ''} {written_splits(alike)}: the same"
    for number, other in others.items():
        if number not in alike:
            yield f"split {number} is otherwise:"
            yield from (f"  {line}" for line in other.problems[:SHOWN])
            yield from (f"  {c.name}: {c.found}, not {c.expected}" for c in other.counts if c.differs)


def _findings(found: Checkup) -> tuple[Any, ...]:
    """What one split has like another: its problems and counts, apart from those of frames."""
    return found.problems, [counted for counted in found.counts if not counted.name.endswith("frames")]


def describe_lines(found: Description) -> Iterator[str]:
    """The parts, their cameras, the matches of the queries, and the sizes of images."""
    yield found.about
    yield ""
    header = ("", "identities", "tracklets", "frames", "shortest", "median", "longest")
    rows = [
        (
            name,
            f"{part.identities}",
            f"{len(part.lengths)}",
            f"{sum(part.lengths)}",
            f"{min(part.lengths)}",
            f"{median(part.lengths):g}",
            f"{max(part.lengths)}",
        )
        for name, part in found.parts.items()
    ]
    yield from text_lines([header, *rows])
    yield ""
    cameras = found.cameras
    counted = [(name, *(f"{part.per_camera.get(c, 0)}" for c in cameras)) for name, part in found.parts.items()]
    yield from text_lines([("tracklets of camera", *(f"{camera}" for camera in cameras)), *counted])
    yield ""
    titles = ("matches of a query in other cameras", "none", "fewest", "median", "most")
    yield from text_lines([titles, *(_match_cells(how, counts) for how, counts in found.matches.items())])
    yield ""
    total = sum(found.sizes.values())
    sizes = ", ".join(f"{height}x{width} ({number})" for (height, width), number in list(found.sizes.items())[:5])
    more = f" and {len(found.sizes) - 5} more sizes" if len(found.sizes) > 5 else ""
    yield f"height x width of {total} frames, a sample: {sizes}{more}"


def plain(found: Description) -> dict[str, Any]:
    """A description as JSON."""
    sizes = [{"height": h, "width": w, "frames": number} for (h, w), number in found.sizes.items()]
    return {**asdict(found), "sizes": sizes}


def _known(number: int | None) -> str:
    return "-" if number is None else f"{number}"


def _listed(what: str, lines: Sequence[str]) -> Iterator[str]:
    """Lines under a heading that counts them, the first ones only where there are many."""
    if lines:
        yield f"{len(lines)} {what}{'s' if len(lines) > 1 else ''}:"
        yield from (f"  {line}" for line in lines[:SHOWN])
        if len(lines) > SHOWN:
            yield f"  ... and {len(lines) - SHOWN} more; --json shows all"


def _verdict(found: Checkup) -> str:
    differing = sum(counted.differs for counted in found.counts)
    if found.problems:
        return "not usable: mend what is named above"
    if differing:
        what = "count differs" if differing == 1 else "counts differ"
        return f"{differing} {what} from what was expected: mend the tree, or train and test on it with --subset"
    if any(counted.expected is not None for counted in found.counts):
        return "everything is as expected"
    return "no problem was found; there are no published counts to compare with"


def _match_cells(how: str, counts: Sequence[int]) -> tuple[str, ...]:
    return (how, f"{sum(not n for n in counts)}", f"{min(counts)}", f"{median(counts):g}", f"{max(counts)}")
