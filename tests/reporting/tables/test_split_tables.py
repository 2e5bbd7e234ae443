"""A table over a dataset's random splits: the mean over them, said so, and never mixed with another."""

from dataclasses import replace

import pytest
from made_up import COLUMNS, RECIPE, ROWS, SUITE, document_of

from reidbench import registry
from reidbench.data.splits import Splits
from reidbench.estimates import seed_means
from reidbench.planning.recorded import with_recorded_seeds
from reidbench.reporting.documents.markdown import markdown
from reidbench.reporting.findings.sentences import findings
from reidbench.reporting.findings.summary import certainty
from reidbench.reporting.tables.dataframe import frame, to_frame
from reidbench.reporting.tables.table import assemble
from reidbench.reporting.tables.terminal import terminal_text

MEAN_AP = 0
ALL = Splits(tuple(range(1, 11)), 10)


@pytest.fixture
def bench(bench):
    bench.splits, bench.dataset = ALL, {"name": "ilids", "fingerprint": "", "options": {}, "subset": False}
    return bench


def table_of(bench):
    return assemble(bench.plan, bench.store)


def test_a_value_is_the_mean_over_the_splits_with_their_spread(bench):
    bench.save_all()
    table = table_of(bench)
    entry = table.entries["Full", MEAN_AP]
    assert entry.state == "ok" and len(entry.records) == 10 and entry.estimate.n == 10
    means = seed_means(table.headings[0].quantity, entry.records)
    assert entry.estimate.value == pytest.approx(sum(means) / 10)
    assert table.warnings == ()
    assert "Accuracy: dataset ilids, protocol release, preset quick, 10 splits, 1 seed" in terminal_text(table, 100)


def test_a_clear_lead_over_the_splits_is_bold(bench):
    bench.rows = ROWS[:2]
    bench.save_all()
    assert table_of(bench).headings[0].best == "Base"


def test_some_splits_of_those_asked_for_are_partial(bench):
    bench.save_all(without="Small")
    for split in (1, 2, 7):
        bench.save(bench.cell(ROWS[0], COLUMNS[MEAN_AP], 0, split))
    entry = table_of(bench).entries["Small", MEAN_AP]
    assert (entry.state, entry.estimate.n, entry.difference) == ("partial", 3, None)
    assert entry.reason == "3 of 10 splits; not run yet"
    text = terminal_text(table_of(bench), 100)
    assert "[3 of 10 splits]" in text
    bench.seeds = 2
    assert "[3 of 20 trainings]" in terminal_text(table_of(bench), 100)
    assert any(
        text == "accuracy: rows differ in their splits: Base, Full from Small" for text in table_of(bench).warnings
    )


def test_fewer_splits_than_there_are_are_named_and_not_compared_with_what_was_published(bench, monkeypatch):
    monkeypatch.setattr("made_up.RECIPE", replace(RECIPE, size=(256, 128)))
    bench.dataset = {**bench.dataset, "name": "mars"}  # The dataset that the made-up rows were published on.
    bench.save_all()
    assert table_of(bench).entries["Full", MEAN_AP].difference is not None
    bench.splits = Splits((1, 2, 3), 10)
    table = table_of(bench)
    assert table.entries["Full", MEAN_AP].state == "ok"
    assert table.entries["Full", MEAN_AP].difference is None
    assert table.entries["Full", MEAN_AP].incomparable == "measured on splits 1-3 of 10, published over all"
    assert ", splits 1-3 of 10, 1 seed" in terminal_text(table, 100)
    bench.splits = Splits((4,), 10)
    assert table_of(bench).entries["Full", MEAN_AP].incomparable == "measured on split 4 of 10, published over all"


def test_another_content_of_one_split_is_named(bench):
    bench.save_all(without="Base")
    plan = bench.plan
    changed = {
        place: tuple(
            bench.cell(
                ROWS[1],
                COLUMNS[MEAN_AP],
                0,
                k,
                dataset={**c.settings["dataset"], "fingerprint": "x" * (k == 4) or f"f{k}"},
            )
            for k, c in zip(ALL.numbers, cells, strict=True)
        )
        for place, cells in plan.cells.items()
        if place[0] == "Base" and place[1] < 3
    }
    plan = replace(plan, cells={**plan.cells, **changed})
    for cell in changed["Base", MEAN_AP]:
        bench.save(cell)
    assert "accuracy: rows differ in their dataset: Base from Small" in assemble(plan, bench.store).warnings


@pytest.mark.usefixtures("blank_figures")
def test_the_report_says_what_is_averaged_and_what_the_intervals_cover(bench, tmp_path):
    bench.save_all()
    text = " ".join(markdown(document_of(bench, tmp_path, figures=True)).split())
    assert "10 splits: the persons were divided at random" in text
    assert "Seeds: 1 seed a row of each split." in text
    assert "fingerprints f1, f2, f3, f4, f5, f6, f7, f8, f9, f10." in text
    assert "(95 % intervals over queries and splits)" in text
    assert "mAP: the standard deviation over 10 splits is" in text
    assert "Each row was trained with 1 seed on 10 splits and scored under protocol release." in text
    assert "the means of single splits" in text and "single seeds" not in text
    assert "the standard deviation over random splits of the dataset, where a value is the mean over these" in text
    assert "--splits" not in text, "all of them is what the command measures"


@pytest.mark.usefixtures("blank_figures")
def test_nothing_of_it_is_said_of_a_dataset_without_splits(bench, tmp_path):
    bench.splits = Splits()
    bench.save_all()
    assert "split" not in markdown(document_of(bench, tmp_path, figures=True))


def test_one_split_of_several_seeds_is_as_a_dataset_by_itself(bench):
    bench.splits, bench.seeds = Splits((4,), 10), 3
    bench.save_all()
    table = table_of(bench)
    assert table.entries["Full", MEAN_AP].estimate.n == 3
    assert any("over 3 seeds" in text for text in findings(table))
    assert any("trained with 3 seeds on split 4 of 10 and" in text for text in certainty([table]))


def test_a_report_has_as_many_seeds_as_most_splits_of_most_rows(bench):
    bench.save_all()
    bench.seeds = 2
    for row in ROWS[:2]:
        for split in ALL.numbers:
            bench.save(bench.cell(row, COLUMNS[MEAN_AP], 1, split))
    bench.seeds = 1
    found = with_recorded_seeds(bench.plan, bench.store.holds)
    assert found.preset.seeds == 2 and len(found.cells["Full", MEAN_AP]) == 20
    assert {cell.settings["dataset"]["options"]["split"] for cell in found.cells["Full", MEAN_AP]} == {*ALL.numbers}
    assert found.cells["Full", 3] == bench.plan.cells["Full", 3]


def test_frames_say_over_which_splits_a_value_is(bench, toy):
    bench.source = registry.model_source("toy")
    bench.save_all()
    first = to_frame(table_of(bench)).set_index(["row", "quantity"]).loc[("Full", "mAP")]
    assert (first.splits, first.n, first.dataset, first.dataset_options) == ("1-10", 10, "ilids", "")
    found = frame("made_up", str(bench.store.folder.parent)).set_index(["row", "quantity"])
    assert not found.index.duplicated().any()
    assert found.loc[("Full", "mAP")].value == pytest.approx(first.value)
    assert (found.loc[("Full", "mAP")].splits, found.loc[("Full", "gflops")].splits) == ("1-10", "")


def test_frames_join_no_two_contents_of_one_split(bench, toy):
    bench.source = registry.model_source("toy")
    bench.save_all()
    bench.save(
        bench.cell(
            ROWS[2],
            COLUMNS[MEAN_AP],
            0,
            1,
            dataset={**bench.dataset, "fingerprint": "other", "options": {"split": 1}, "splits": 10},
        )
    )
    found = frame("made_up", str(bench.store.folder.parent))
    mine = found[(found.row == "Full") & (found.quantity == "mAP")]
    assert sorted(mine.splits) == sorted(["1", *map(str, ALL.numbers)]) and SUITE.rows[2].name == "Full"
