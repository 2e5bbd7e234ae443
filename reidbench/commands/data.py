"""`data synthetic`, `data check` and `data describe`. Imports no torch."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from reidbench.commands.output import print_json, telling_progress
from reidbench.data.splits import OPTION, Splits
from reidbench.discovery.entries import Entry
from reidbench.options import parse_options
from reidbench.planning.dataset_identity import AskedData, choose_splits, entry_of, with_kept
from reidbench.planning.dataset_identity import arguments as dataset_arguments
from reidbench.planning.plan import Request, asked_data, choose_preset
from reidbench.spec import UserError

PICTURE = ".png"
"""The ending of a picture of a dataset."""


def synthetic(arguments: Namespace) -> int:
    """Writes a synthetic dataset to keep."""
    from reidbench.data import synthetic as made

    prefix = "option_"
    options = {name.removeprefix(prefix): value for name, value in vars(arguments).items() if name.startswith(prefix)}
    sheet = _picture("--sheet", arguments.sheet)
    made.write_synthetic(Path(arguments.out), **options)
    if sheet:
        made.sample_sheet(made.synthetic(arguments.out), sheet)
    if arguments.json:
        print_json({"root": arguments.out, "options": options})
    else:
        print(f"written: {', '.join(filter(None, (arguments.out, arguments.sheet)))}")
    return 0


def check(arguments: Namespace) -> int:
    """Compares a dataset's folder with what was published of it.

    Returns 0 where they agree, 1 where only counts differ (0 with `--subset`), else 2."""
    from reidbench.data.checkup import check_tree
    from reidbench.reporting.answers.dataset_text import check_lines, other_split_lines

    entry, given = _dataset(arguments)
    if "dense" in entry.options:
        given["dense"] = 0  # What was published are counts of whole tracklets.
    numbers = choose_splits(_asked(arguments)).numbers
    with telling_progress() as progress:
        found = check_tree(entry, given, decode=arguments.decode, progress=progress)
        others = {
            number: check_tree(entry, {**given, OPTION: number}, decode=False, progress=progress, anew=False)
            for number in numbers[1:]
        }
    found = replace(found, title=f"{found.title}{_split_text(entry, given)}")
    checked = (found, *others.values())
    passed = all(one.passed for one in checked)
    if arguments.json:
        further = {"other_splits": {number: asdict(other) for number, other in others.items()}} if others else {}
        print_json({**asdict(found), **further, "passed": passed})
    else:
        print("\n".join([*check_lines(found), *other_split_lines(found, others)]))
    if any(one.problems for one in checked):
        return 2
    return 0 if passed or arguments.subset else 1


def describe(arguments: Namespace) -> int:
    """Shows what a dataset holds, in text and, with `--out`, as a picture."""
    from reidbench.data.description import describe as described
    from reidbench.data.opening import open_dataset
    from reidbench.reporting.answers.dataset_picture import draw_dataset
    from reidbench.reporting.answers.dataset_text import describe_lines, plain

    picture = _picture("--out", arguments.out)
    entry, given = _dataset(arguments)
    if "subset" in entry.options:
        given["subset"] = True
    found = described(open_dataset(entry, given))
    found = replace(found, about=found.about.replace(":", f"{_split_text(entry, given)}:", 1))
    if picture:
        draw_dataset(found, picture)
    if arguments.json:
        print_json(plain(found))
        return 0
    print("\n".join(describe_lines(found)))
    if arguments.out:
        print(f"written: {arguments.out}")
    return 0


def _picture(option: str, name: str | None) -> Path | None:
    """The file of a picture, where one is asked for. Raises UserError for another ending, before anything is done."""
    if name and Path(name).suffix != PICTURE:
        raise UserError(f"{option} {name}: give a name that ends with {PICTURE}")
    return Path(name) if name else None


def _dataset(arguments: Namespace) -> tuple[Entry, dict[str, Any]]:
    """The dataset asked for and the arguments of its function; its training tracklets are whole unless it is said.

    What a kept dataset notes of itself is not read where no option is given: it may be what is to be checked."""
    asked = _asked(arguments)
    entry, given = entry_of(asked), dataset_arguments(asked)
    if asked.options:
        given = with_kept(entry, given)
    return entry, {**({"dense": 0} if "dense" in entry.options else {}), **given}


def _asked(arguments: Namespace) -> AskedData:
    options = parse_options("--data", arguments.dataset_options)
    request = Request(dataset=arguments.name, root=arguments.root, dataset_options=options)
    return asked_data(request, choose_preset(request))


def _split_text(entry: Entry, given: Mapping[str, Any]) -> str:
    """Which of the dataset's random splits it is, to stand after its name."""
    return f", {Splits((given[OPTION],), entry.splits).text}" if entry.splits else ""
