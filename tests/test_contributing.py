"""CONTRIBUTING is true: the figures that it names are all that there are, and so are its modes."""

import re
from pathlib import Path

from reidbench import registry
from reidbench.reporting.figures import FIGURES

TEXT = (Path(__file__).resolve().parent.parent / "CONTRIBUTING.md").read_text()


def test_the_figures_named_are_all_that_there_are() -> None:
    named = re.search(r"Figures\s+are (.*?);", TEXT, flags=re.DOTALL)
    assert named and set(re.findall(r"`(\w+)`", named[1])) == set(FIGURES)


def test_the_modes_and_needs_named_are_those_of_the_measurements() -> None:
    for field, value in (("mode", {m.mode for m in registry.measurements().values()}), ("needs", all_needs())):
        line = re.search(rf"^- `{field}` (.*?)\.", TEXT, flags=re.DOTALL | re.MULTILINE)
        assert line and set(re.findall(r'"(\w+)"', line[1])) == value, field


def all_needs() -> set[str]:
    return {need for measurement in registry.measurements().values() for need in measurement.needs}
