from dataclasses import replace

import pytest
from made_up import COLUMNS, ROWS

from reidbench.recipes import Preset, Recipe
from reidbench.reporting.findings.scope import scope
from reidbench.reporting.tables.table import assemble

UNREAL = "Their accuracies do not stand for those on a real dataset, nor does their order."
COSTS = "Costs are those at the paper's scale, 256x128 pixels."


def table_of(bench):
    return assemble(bench.plan, bench.store)


def test_a_report_begins_with_what_its_accuracies_are_of(bench):
    assert list(scope([table_of(bench)])) == [
        "Networks were trained and tested on synthetic data (rendered walkers, 64x32 pixels), preset quick, 1 seed.",
        UNREAL,
        COSTS,
    ]


def test_where_costs_alone_are_measured_nothing_is_said_of_training(bench):
    bench.save(bench.cell(ROWS[0], COLUMNS[3]))
    assert list(scope([table_of(bench)])) == []
    bench.save(bench.cell(ROWS[0], COLUMNS[0]))
    assert len(list(scope([table_of(bench)]))) == 3


def test_a_real_dataset_is_named_and_not_called_unreal(bench):
    bench.dataset = {"name": "mars", "fingerprint": "f00d", "options": {}, "subset": True}
    first, *others = scope([table_of(bench)])
    assert first.endswith("tested on a subset of mars (64x32 pixels), preset quick, 1 seed.") and others == [COSTS]


@pytest.mark.parametrize(("rate", "told"), [(4.0, True), (1.0, False), (0.1, False)])
def test_settings_that_favour_some_networks_are_told(bench, rate, told):
    preset = Preset("quick", "", Recipe(rates={"tks": rate, "csp": 9.0}), "synthetic")
    table = table_of(bench)
    lines = list(scope([replace(table, plan=replace(table.plan, preset=preset))]))
    assert any(line.startswith("The training settings favour networks with temporal kernels") for line in lines) == told


def test_tables_that_were_trained_alike_share_a_sentence(bench):
    once = table_of(bench)
    bench.seeds = 3
    twice = table_of(bench)
    assert next(scope([once, twice, once])).endswith(
        "(rendered walkers, 64x32 pixels), preset quick, 1 seed or 3 seeds."
    )
    fine = replace(twice, plan=replace(twice.plan, preset=replace(twice.plan.preset, name="fine")))
    assert next(scope([twice, fine])).endswith(
        "synthetic data (rendered walkers, 64x32 pixels), preset quick, 3 seeds; synthetic data (rendered walkers, "
        "64x32 pixels), preset fine, 3 seeds."
    )


def test_what_is_not_trained_has_no_such_sentence(bench):
    bench.save(bench.cell(ROWS[0], COLUMNS[5]))
    table = table_of(bench)
    costs = [heading for heading in table.headings if not heading.training]
    assert list(scope([replace(table, headings=costs)])) == []
