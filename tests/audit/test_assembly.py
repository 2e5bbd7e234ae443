"""The audit as a whole: every printed cost of Tables 2 to 6 gets a verdict, from ordinary records."""

import tomllib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_up_counts import fill

from reidbench import registry
from reidbench.audit.assembly import TABLES, Audit, _offsets, audited_suites, carry_out, plan_audit
from reidbench.audit.rules import Rule
from reidbench.audit.verdicts import Printed, networks, printed_costs
from reidbench.spec import Row, Suite
from reidbench.store import Store

PAPER = tomllib.loads((Path(__file__).parent.parent / "published.toml").read_text())


def changed(suites: dict[str, Suite], table: str, row: int, key: str, text: str) -> dict[str, Suite]:
    """The suites with one printed value replaced."""
    rows = list(suites[table].rows)
    published = rows[row].published[0]
    values = {**published.values, key: text}
    rows[row] = replace(rows[row], published=(replace(published, values=values),))
    return {**suites, table: replace(suites[table], rows=tuple(rows))}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    made = Store(tmp_path_factory.mktemp("results"), "made-up")
    fill(made)
    return made


def test_the_62_printed_costs_are_those_of_the_paper() -> None:
    cells = printed_costs(audited_suites())
    assert len(cells) == 62
    printed = [row[key] for key in ("gflops", "params") for table in TABLES for row in PAPER[table]["row"]]
    assert [cell.text for cell in cells] == printed


def test_a_plan_shares_its_cells_with_the_tables(tmp_path: Path) -> None:
    from reidbench.planning.plan import Request, make_plan

    here = Store(tmp_path, "here")
    suites = audited_suites()
    audited = {cell.key for cell in plan_audit(suites, here).all_cells()}
    assert len(audited) == len(networks(printed_costs(suites)))
    for name in TABLES:
        plan = make_plan(name, registry.suite(name), Request(only="cost"), here)
        own = {
            cells[0].key
            for (row, _), cells in plan.cells.items()
            if cells[0].measurement == "complexity" and next(r for r in plan.suite.rows if r.name == row).published
        }
        assert own and own <= audited, name


@pytest.fixture(scope="module")
def audit(store: Store) -> Audit:
    return carry_out(audited_suites(), store)


def test_every_cell_gets_a_verdict(audit: Audit) -> None:
    assert audit.cells == 62 and len(audit.records) == audit.wanted
    for judgement in audit.judgements:
        for verdict in judgement.verdicts:
            assert verdict.shown and not verdict.incomplete
            assert (verdict.matching > 0) == (verdict.shown.gap == 0)
            assert verdict.matching <= verdict.tried
            assert verdict.step == 0 or verdict.shown.rule == judgement.steps[verdict.step - 1].rule
        gained = [cell for step in judgement.steps for cell in step.gained]
        assert len(gained) == judgement.explained == sum(verdict.step > 0 for verdict in judgement.verdicts)


def test_a_changed_printed_value_changes_its_verdict_and_no_count(store: Store, audit: Audit) -> None:
    other = changed(audited_suites(), "table2", 1, "gflops", "9.99")
    after = carry_out(other, store)
    verdicts = [
        next(v for v in judged.judgements[0].verdicts if v.printed.row.name == "Base-B (256x128)")
        for judged in (audit, after)
    ]
    assert verdicts[0].matching and not verdicts[1].matching and verdicts[1].shown.gap < 0
    assert verdicts[0].tried == verdicts[1].tried
    found = {two.key for two in after.two_values if "9.99" in two.places}
    assert found == {"gflops"}, "Base-B stands in Tables 3 and 4 too"


@pytest.mark.parametrize(
    ("texts", "offsets"),
    [
        (("28.3", "29.2"), {}),  # as counted
        (("28.8", "29.7"), {"params": Fraction("0.5")}),
        (("27.8", "28.7"), {"params": Fraction("-0.5")}),
        (("28.8", "29.2"), {}),  # no constant mends both
    ],
)
def test_a_constant_that_mends_what_a_temporal_block_costs_is_told_and_other_cells_do_not_count(
    texts: tuple[str, str], offsets: dict[str, Fraction]
) -> None:
    rule = Rule("params", "all but the classifier", rounding="truncated")
    others = ("baseline", "params", "99.9"), ("bicnet_tks", "gflops", "99.9")
    read = [
        SimpleNamespace(cell=Printed("t", Row(text, model), key, text), value={rule: Fraction(number)})
        for (model, key, text), number in zip(
            (*(("bicnet_tks", "params", text) for text in texts), *others), ("28.3", "29.2", "1", "1"), strict=True
        )
    ]
    judged = [
        SimpleNamespace(key="params", steps=(SimpleNamespace(rule=rule),)),
        SimpleNamespace(key="gflops", steps=()),
    ]
    found = _offsets(judged, read)  # type: ignore[arg-type]
    assert {key: low for key, (low, _) in found.items()} == offsets
    assert all(high == low + Fraction("0.1") for low, high in found.values()), "by the last digit printed"


def test_without_records_nothing_is_claimed(tmp_path: Path) -> None:
    suites, empty = audited_suites(), Store(tmp_path, "empty")
    audit = carry_out(suites, empty)
    assert audit.cells == 62 and not audit.records and not audit.first and not audit.offsets and not audit.reversed
    assert all(v.shown is None and not v.matching for j in audit.judgements for v in j.verdicts)
    assert audit.two_values and audit.bent, "what needs no counts is found all the same"
