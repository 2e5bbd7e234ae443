"""The command that follows one cell over the commits of this repository, from the records in git. Imports no torch."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path, PurePosixPath

from reidbench import machine, registry
from reidbench.commands.git import SHALLOW, git, is_shallow, printed, why
from reidbench.commands.output import print_json
from reidbench.files import resolved
from reidbench.planning.dataset_identity import is_usual
from reidbench.program import program
from reidbench.regression.series import Point, Series, collect, series_of
from reidbench.scatter import Noise, noise_by_device
from reidbench.spec import Quantity, Record, UserError
from reidbench.store import MACHINE, Store, machines, read_record

MOST_SERIES = 8
"""Series that a figure can hold: as many markers and colours as there are."""


def history(arguments: Namespace) -> int:
    """Prints what the records of each commit say of a row and a quantity, and draws it."""
    name, _, field = arguments.quantity.partition(".")
    measurement = registry.lookup("measurement", name, registry.measurements())
    quantity = registry.lookup(f"quantity of {name}", field, measurement.quantities)
    results = Path(arguments.results)
    noise = _noise(results)
    points: list[tuple[str, Point]] = []
    for commit, date, folders in recorded(results, name, arguments.row):
        for folder, records in folders.items():
            chosen = [record for record in records if arguments.all or is_usual(record.cell["settings"])]
            own = collect(commit, date, folder, chosen, quantity, field, noise.get(folder))
            points += [(folder, point) for point in own]
    having = sorted({folder for folder, _ in points})
    shown = [folder for folder in having if arguments.machine in ("", folder)]
    found = series_of([point for folder, point in points if folder in shown])
    shallow = is_shallow(_place(results))
    if not found:
        whose = f" of machine {arguments.machine!r}" if arguments.machine else ""
        lacking = f"{arguments.row}: no record of {arguments.quantity}{whose} in the commits of {results}"
        raise UserError(f"{lacking}{_advice(arguments, name, having)}{f'; {SHALLOW}' if shallow else ''}")
    if shallow:
        print(f"{program()}: {SHALLOW}", file=sys.stderr)
    gone = [folder for folder in shown if folder not in noise]
    if gone and quantity.over == "reference":
        lies = f"{', '.join(gone)}: no longer the folder of a machine in {results}"
        print(
            f"{program()}: {lies}, so no calibration: the intervals of these ratios cover rounds only", file=sys.stderr
        )
    if arguments.json:
        print_json([asdict(each) for each in found])
        return 0
    print("\n".join(_lines(found, quantity)))
    newest = sorted(found, key=lambda series: series.points[-1].date)[-MOST_SERIES:]
    order = list(dict.fromkeys(point.commit for _, point in points))
    for path in _draw([series for series in found if series in newest], order, quantity, arguments):
        print(f"written: {path}")
    if len(found) > MOST_SERIES:
        left = len(found) - MOST_SERIES
        print(f"drawn without {left} of {len(found)} series, the oldest: at most {MOST_SERIES} can be told apart")
    return 0


def _noise(results: Path) -> dict[str, dict[str, Noise]]:
    """The noise by device of each machine whose folder is there today, also where the results are one machine's."""
    if (results / MACHINE).is_file():
        return {resolved(results).name: noise_by_device(results)}
    return {name: noise_by_device(results / name) for name in machines(results)}


def _advice(arguments: Namespace, measurement: str, having: Sequence[str]) -> str:
    """What to add where a row has no record: the most similar machine or row that there is, or where to look.

    `having` are the machines whose folders have one of the row in a commit.
    """
    today = machines(arguments.results)
    if arguments.machine and arguments.machine not in {*having, *today}:
        return registry.nearest(arguments.machine, {*having, *today})
    rows = {
        record.row
        for known in today
        if arguments.machine in ("", known)
        for record in Store(arguments.results, known).records(measurement)
    }
    if arguments.row in rows:
        return "; commit it first" if arguments.all else "; commit it first, or give --all for data made with options"
    if having:
        return f"; there is one of {', '.join(having)}"
    return registry.nearest(
        arguments.row, rows, otherwise=f"; {program()} list SUITE shows the names of a suite's rows"
    )


def recorded(results: Path, measurement: str, row: str) -> Iterator[tuple[str, str, dict[str, list[Record]]]]:
    """Each commit that changed a results folder, oldest first, with its day and its records of a row by the machine's
    folder in which they lay.

    A record that cannot be read by this version is passed over. Raises UserError where there is no repository.
    """
    top = printed(_git(_place(results), "rev-parse", "--show-toplevel"))
    here, repository = resolved(results), Path(top).resolve()
    if not here.is_relative_to(repository):
        raise UserError(f"--results {results}: does not lie in the repository {top}")
    inside = PurePosixPath(here.relative_to(repository).as_posix())
    log = printed(_git(Path(top), "log", "--reverse", "--format=%h %cs", "--", str(inside))).split("\n")
    wanted = f"{machine.slug(row)}-"
    read: dict[str, Record | None] = {}
    for line in filter(None, log):
        commit, _, date = line.partition(" ")
        files = {
            path: content
            for path, content in _files(Path(top), commit, inside)
            if path.parent.name == measurement and path.name.startswith(wanted) and path.suffix == ".json"
        }
        new = [path for path, content in files.items() if content not in read]
        read |= {files[path]: record for path, record in _read(Path(top), commit, new)}
        folders: dict[str, list[Record]] = {}
        for path, content in files.items():
            record = read[content]
            if record and (record.row, record.status) == (row, "ok"):
                folders.setdefault(path.parent.parent.name, []).append(record)
        yield commit, date, folders


def _place(results: Path) -> Path:
    """The folder to ask git in: that of the results, or this one where they are in older commits alone."""
    return results if results.is_dir() else Path()


def _files(top: Path, commit: str, inside: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    """The files of a commit in a folder, each with the hash that git knows its content by."""
    for line in filter(None, printed(_git(top, "ls-tree", "-r", "-z", commit, "--", str(inside))).split("\0")):
        facts, _, path = line.partition("\t")
        yield PurePosixPath(path), facts.split()[-1]


def _read(top: Path, commit: str, paths: Sequence[PurePosixPath]) -> Iterator[tuple[PurePosixPath, Record | None]]:
    if not paths:
        return
    content = _git(top, "archive", "--format=tar", commit, "--", *map(str, paths)).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for path in paths:
            member = archive.extractfile(str(path))
            assert member is not None
            file = Path(folder) / path.name
            file.write_bytes(member.read())
            try:
                yield path, read_record(file)
            except UserError:
                yield path, None


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        answer = git(folder, *arguments)
    except FileNotFoundError:
        raise UserError("git is not installed, which holds the history") from None
    if not answer.returncode:
        return answer
    said = why(answer)
    if "not a git repository" in said:
        raise UserError(f"{folder}: lies in no git repository, whose commits would hold the history")
    raise UserError(f"{folder}: {said or 'git failed'}")


def _lines(found: Sequence[Series], quantity: Quantity) -> Iterator[str]:
    from reidbench.reporting.documents.block import titled
    from reidbench.reporting.tables.intervals import estimate_text

    for series in found:
        yield titled(series.label, quantity.unit)
        for point in series.points:
            shown = estimate_text(quantity, point.known, training=quantity.statistic == "mean")
            repeated = f", in {point.commits} commits" if point.commits > 1 else ""
            yield f"  {point.commit}  {point.date}  {shown}{repeated}"


def _draw(found: Sequence[Series], order: Sequence[str], quantity: Quantity, arguments: Namespace) -> list[Path]:
    from reidbench.reporting.figures import write_figure
    from reidbench.reporting.figures.history import history_figure
    from reidbench.reporting.figures.stamps import stamp_of

    folder = Path(arguments.out) if arguments.out else Path(arguments.results)
    stem = folder / f"history-{machine.slug(arguments.row)}-{machine.slug(arguments.quantity)}"
    shown: Mapping[str, Sequence[tuple[str, object]]] = {
        series.label: [(f"{point.commit}\n{point.date}", point.known) for point in series.points] for series in found
    }
    points = sorted((point for series in found for point in series.points), key=lambda each: order.index(each.commit))
    commits = list(dict.fromkeys(f"{point.commit}\n{point.date}" for point in points))
    draw = partial(history_figure, arguments.row, quantity, shown, commits)
    return write_figure(draw, stem, stamp_of((arguments.row, quantity, shown, commits)))
