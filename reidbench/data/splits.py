"""The random splits of a dataset into persons to train on and persons to test on, numbered from 1. Imports no torch.

The literature's accuracy on such a dataset is the mean over its splits, a model being trained on each. A cell is of one
split, which is an option of its dataset; `dataset.splits` in its settings says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from reidbench.options import parse_numbers
from reidbench.spec import Outcome, Record, UserError

OPTION = "split"
"""The option of a dataset that chooses one of its splits."""

R = TypeVar("R", bound=Record | Outcome)


@dataclass(frozen=True)
class Splits:
    """The splits by number that are asked for of the `count` that a dataset has; neither where it has none."""

    numbers: tuple[int, ...] = ()
    count: int = 0

    @property
    def several(self) -> bool:
        return len(self.numbers) > 1

    @property
    def complete(self) -> bool:
        return len(self.numbers) == self.count

    @property
    def text(self) -> str:
        """ "10 splits" for all of them, "splits 1-3 of 10", "split 3 of 10", "" for a dataset without."""
        if self.complete:
            return f"{self.count} splits" if self.count else ""
        return f"split{'s' if self.several else ''} {written_splits(self.numbers)} of {self.count}"


def parse_splits(text: str, dataset: str, count: int) -> Splits:
    """What `--splits` asks for: "all", or numbers and ranges such as "1-3,7". Raises UserError for anything else."""
    if text == "all":
        return Splits(tuple(range(1, count + 1)), count)
    numbers = parse_numbers(text, count)
    if numbers is None:
        known = f"dataset {dataset} has splits 1 to {count}"
        raise UserError(f"--splits {text}: {known}; give all, or numbers and ranges such as 1-3,{count}")
    return Splits(numbers, count)


def written_splits(numbers: Iterable[int]) -> str:
    """Numbers as `parse_splits` reads them: "1-3,7"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def split_of(settings: Mapping[str, Any]) -> int | None:
    """The split in the settings of a cell; None where its dataset has none."""
    dataset = settings.get("dataset", {})
    return dataset["options"][OPTION] if dataset.get("splits") else None


def trained_on(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What weights are to say of their training, by a cell's settings: its dataset, seed, and where the trunk began.

    And its split, where the dataset has some: on the others its persons may be those who are tested.
    """
    dataset, split = settings["dataset"], split_of(settings)
    told = {"dataset": dataset["name"], "dataset_options": dict(dataset["options"])}
    told |= {name: settings[name] for name in ("seed", "trunk") if name in settings}
    return told if split is None else {**told, "split": split}


def splits_of(settings: Iterable[Mapping[str, Any]]) -> Splits:
    """The splits of cells of one dataset, by their settings."""
    found = {split: each["dataset"]["splits"] for each in settings if (split := split_of(each)) is not None}
    return Splits(tuple(sorted(found)), next(iter(found.values()), 0))


def by_split(records: Sequence[R]) -> dict[int | None, list[R]]:
    """Records together that are of one split, in the order of the splits; of no split those that name none."""
    found: dict[int | None, list[R]] = {}
    for record in records:
        settings = record.cell.get("settings", {}) if isinstance(record, Record) else {}
        found.setdefault(split_of(settings), []).append(record)
    return dict(sorted(found.items(), key=lambda pair: pair[0] or 0))


def without_split(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's settings without what tells a split from another of the same dataset: its number and its content."""
    if split_of(settings) is None:
        return dict(settings)
    dataset = {name: value for name, value in settings["dataset"].items() if name != "fingerprint"}
    dataset["options"] = {name: value for name, value in dataset["options"].items() if name != OPTION}
    return {**settings, "dataset": dataset}


def trainings_text(settings: Sequence[Mapping[str, Any]]) -> str:
    """How many trainings cells stand for, by what they differ in: "3 seeds", "10 splits", "20 trainings"."""
    splits = len({split_of(each) for each in settings})
    seeds = len({each.get("seed") for each in settings})
    if splits == 1:
        return f"{len(settings)} seed{'s' if len(settings) != 1 else ''}"
    return f"{splits} splits" if seeds == 1 else f"{len(settings)} trainings"
