"""A figure that cannot be drawn from the columns of its suite is told before anything runs."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest

from reidbench import registry
from reidbench.commands.reports import check_figures
from reidbench.reporting.figures import FIGURES
from reidbench.reporting.figures.needs import Need, check_needs
from reidbench.reporting.tables.table import Heading, Table
from reidbench.spec import Column, Row, Suite, UserError

STAGES = tuple(f"end_to_end.{part}" for part in ("total", "decode", "clips", "network", "pooling", "search"))
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
        ("attention", ("attention.evenness",), ("attention.overlap",), "a column of attention.overlap"),
        ("end_to_end", ("end_to_end.total",), STAGES, "a column of end_to_end.decode"),
    ],
)
def test_what_is_lacking_is_named(figure: str, lacking: tuple[str, ...], enough: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=f"^figure {figure} of suite mine needs {told}") as error:
        check_figures({"mine": suite_of(*lacking, figures=(figure,))})
    assert str(error.value).endswith("; add it to the suite, or leave out the figure")
    check_figures({"mine": suite_of(*enough, figures=(figure,))})


def test_levels_are_asked_for_where_the_figure_goes_over_them() -> None:
    with pytest.raises(UserError, match="needs a column with a `level`"):
        check_figures({"mine": suite_of("accuracy.mAP", figures=("stress",))})
    check_figures({"mine": suite_of("accuracy.mAP", figures=("stress",), level=True)})


def test_the_levels_of_scale_are_those_of_the_columns_that_it_draws() -> None:
    elsewhere = Column("accuracy.mAP", level=("rate", 0.5))
    suite = replace(suite_of("scoring.query", figures=("scale",)), columns=(Column("scoring.query"), elsewhere))
    with pytest.raises(UserError, match=r"needs a column of scoring\.query or scoring\.added with a `level`"):
        check_figures({"mine": suite})
    check_figures({"mine": suite_of("scoring.added", figures=("scale",), level=True)})


COMPONENTS = ("Base-B (256x128)", "TB", "TB+CSP", "TB+TKS", "TB+CSP+DAO+TKS")


@pytest.mark.parametrize("count", range(1, len(COMPONENTS) + 1))
def test_components_need_two_rows_that_differ_in_one_of_them_and_are_drawn_of_these(
    count: int, once: Callable[..., Table]
) -> None:
    table = once("components")
    found = set()
    for names in combinations(COMPONENTS, count):
        suite = replace(table.plan.suite, rows=tuple(row for row in table.plan.suite.rows if row.name in names))
        enough = "TB" in names and bool({"TB+CSP", "TB+TKS"} & {*names})
        found.add(enough)
        if enough:
            check_needs("components", FIGURES["components"].needs, suite)
        else:
            with pytest.raises(UserError, match="needs two rows with all of the options csp, attention and temporal "):
                check_needs("components", FIGURES["components"].needs, suite)
        drawn = FIGURES["components"].draw(replace(table, plan=replace(table.plan, suite=suite)))
        assert (drawn is not None) == enough, names
    assert found == {1: {False}, 5: {True}}.get(count, {False, True})


def test_components_need_a_column_that_shows_what_each_adds() -> None:
    rows = tuple(
        Row(name, "bicnet", {"csp": csp, "attention": "none", "temporal": "none"})
        for name, csp in (("TB", False), ("TB+CSP", True))
    )
    suite = replace(suite_of("accuracy.mAP", figures=("components",)), rows=rows)
    check_figures({"mine": suite})
    with pytest.raises(UserError, match=r"needs a column of accuracy\.mAP or "):
        check_figures({"mine": replace(suite, columns=(Column("accuracy.top1"),))})
    with pytest.raises(UserError, match="needs two rows"):
        check_figures({"mine": replace(suite, rows=(rows[0], replace(rows[1], model="")))})


def test_a_figure_of_the_row_in_focus_needs_one() -> None:
    suite = suite_of("throughput.throughput", figures=("batches",))
    with pytest.raises(UserError, match="figure batches of suite mine needs a row in `focus`"):
        check_figures({"mine": suite})
    check_figures({"mine": replace(suite, focus="Base")})


def test_a_suite_that_names_no_figures_gets_those_that_can_be_drawn() -> None:
    check_figures({"mine": suite_of("complexity.macs")})


@pytest.mark.parametrize("name", sorted({figure for suite in SUITES for figure in registry.suite(suite).figures}))
def test_nothing_is_drawn_without_what_is_needed(name: str, once: Callable[..., Table]) -> None:
    """So that no suite is refused that could have been drawn."""
    suite = next(suite for suite in SUITES if name in registry.suite(suite).figures)
    table = once(suite, gpu="Imaginary GPU")
    for need in FIGURES[name].needs:
        assert FIGURES[name].draw(_without(need, table)) is None, need.what


def _without(need: Need, table: Table) -> Table:
    """The table with all of its columns, or else its rows, that do not meet the need, or else with no row in focus."""
    suite = table.plan.suite
    if not need.met(replace(suite, columns=())):
        kept: list[Heading] = []
        for heading in table.headings:
            if not need.met(replace(suite, columns=tuple(each.column for each in (*kept, heading)))):
                kept.append(heading)
        return replace(table, headings=tuple(kept))
    rows: list[Row] = []
    for row in suite.rows:
        if not need.met(replace(suite, rows=(*rows, row))):
            rows.append(row)
    return replace(table, plan=replace(table.plan, suite=replace(suite, rows=tuple(rows), focus="")))
