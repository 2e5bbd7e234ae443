"""A figure that cannot be drawn from the columns of its suite is told before anything runs."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from reidbench import registry
from reidbench.commands.reports import check_figures
from reidbench.reporting.figures import FIGURES
from reidbench.reporting.tables.table import Table
from reidbench.spec import Column, Row, Suite, UserError

SUITES = sorted(name for name in registry.suite_paths() if list(registry.suites_of(name)) == [name])


def suite_of(*quantities: str, figures: tuple[str, ...] = Suite.figures, level: bool = False) -> Suite:
    levels = {"level": ("rate", 0.5)} if level else {}
    columns = tuple(Column(quantity, **levels) for quantity in quantities)
    return Suite("Mine", (Row("Base", "baseline"),), columns, "Base", figures=figures)


def test_every_suite_can_have_its_figures() -> None:
    check_figures({name: registry.suite(name) for name in SUITES})


@pytest.mark.parametrize(
    ("figure", "lacking", "enough", "told"),
    [
        ("latency", ("accuracy.mAP", "latency.ratio"), ("latency.per_frame",), "a column of times, such as latency"),
        (
            "accuracy",
            ("accuracy.mAP", "latency.ratio"),
            ("accuracy.top1", "complexity.gflops"),
            "a column of complexity.macs or",
        ),
        ("rows", ("complexity.macs",), ("accuracy.top1",), "a column of trained rows"),
        ("factors", ("accuracy.mAP", "accuracy.top1"), ("accuracy.mAP", "accuracy.mAP_tempo"), "two columns of a mean"),
        (
            "overhead",
            ("latency.ratio", "complexity.gflops"),
            ("latency.ratio", "complexity.macs"),
            "a column of complex",
        ),
        ("ranking", ("accuracy.mAP",), ("ranking.mAP",), "a column of ranking"),
    ],
)
def test_what_is_lacking_is_named(figure: str, lacking: tuple[str, ...], enough: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=f"^figure {figure} of suite mine needs {told}") as error:
        check_figures({"mine": suite_of(*lacking, figures=(figure,))})
    assert str(error.value).endswith("; add it to the columns, or leave out the figure")
    check_figures({"mine": suite_of(*enough, figures=(figure,))})


def test_levels_are_asked_for_where_the_figure_goes_over_them() -> None:
    with pytest.raises(UserError, match="needs a column with a `level`"):
        check_figures({"mine": suite_of("accuracy.mAP", figures=("stress",))})
    check_figures({"mine": suite_of("accuracy.mAP", figures=("stress",), level=True)})


def test_a_figure_of_the_row_in_focus_needs_one() -> None:
    suite = suite_of("throughput.throughput", figures=("batches",))
    with pytest.raises(UserError, match="figure batches of suite mine needs a focus"):
        check_figures({"mine": suite})
    check_figures({"mine": replace(suite, focus="Base")})


def test_a_suite_that_names_no_figures_gets_those_that_can_be_drawn() -> None:
    check_figures({"mine": suite_of("complexity.macs")})


@pytest.mark.parametrize("name", sorted({figure for suite in SUITES for figure in registry.suite(suite).figures}))
def test_nothing_is_drawn_without_the_columns_that_are_needed(name: str, filled: Callable[..., Table]) -> None:
    """So that no suite is refused that could have been drawn."""
    suite = next(suite for suite in SUITES if name in registry.suite(suite).figures)
    table = filled(suite, gpu="Imaginary GPU")
    for need in FIGURES[name].needs:
        kept = tuple(heading for heading in table.headings if not need.has(heading.column))
        assert FIGURES[name].draw(replace(table, headings=kept)) is None, need.what
