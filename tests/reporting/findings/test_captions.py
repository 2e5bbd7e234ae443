"""The caption of a table that stands alone in a paper: true of its own columns, with all that the report remarks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import COLUMNS, ROWS, Bench

from reidbench.reporting.documents.block import Block
from reidbench.reporting.findings.captions import captioned, captioned_differences
from reidbench.reporting.findings.differences import families
from reidbench.reporting.findings.family_text import family_block
from reidbench.reporting.tables.layout import blocks, whole_block
from reidbench.reporting.tables.table import Table, assemble

MACHINE = {"cpu": "Imaginary 9000", "cores": 2, "memory_gib": 8, "gpu": "", "system": "Linux"}
TRAINED = "Accuracy: dataset synthetic, protocol release, preset quick, 2 seeds."
SMALL = "The networks were not trained at the paper's scale, 256x128 pixels."
PLACE = "Measured on made-up (cpu Imaginary 9000, cores 2)."
HALF = "v ± h: a value, and half the width of its 95 % interval."
SPREAD = "(s): the standard deviation over training seeds. The interval does not contain it."


@pytest.fixture
def table(bench: Bench) -> Table:
    """Three rows; a busy machine while one latency was taken, and another row in a session of its own."""
    bench.seeds = 2
    bench.save_all()
    bench.save(bench.cell(ROWS[0], COLUMNS[5]), other_load=1.5, threads=2, peers=["Small"])
    return assemble(bench.plan, bench.store)


def captions(table: Table) -> list[tuple[str, ...]]:
    whole = whole_block(table)
    assert whole is not None
    return [captioned(table, MACHINE, block).caption for block in (*blocks(table), whole)]


def test_each_block_is_told_of_by_its_own_columns_and_the_whole_by_all(table: Table) -> None:
    accuracy, counted, timed, whole = captions(table)
    assert accuracy[:2] == ("A made-up suite.", TRAINED) and whole[1] == TRAINED
    assert {SMALL, PLACE, HALF, SPREAD} <= set(accuracy) & set(whole)
    assert not {TRAINED, SMALL, SPREAD} & {*counted, *timed}
    assert {HALF, PLACE} <= set(timed) and not {HALF, PLACE} & set(counted), "a count is the same on every machine"


def test_what_the_report_remarks_on_a_column_stands_with_it(table: Table) -> None:
    accuracy, counted, timed, whole = captions(table)
    busy = "The machine was busy (other processes used 1.50 cores) during the session of latency on cpu, fp32"
    for text in map(" ".join, (timed, whole)):
        assert busy in text and "Joined unequal: latency: " in text
    for text in map(" ".join, (accuracy, counted)):
        assert "distrust" not in text and "Joined unequal" not in text
    assert {f"Joined unequal: {warning}." for warning in table.warnings} <= set(whole)


def test_no_section_of_the_report_is_referred_to(table: Table) -> None:
    preset = replace(table.plan.preset, recipe=replace(table.plan.preset.recipe, rates={"tks": 4.0}))
    accuracy, *_ = captions(replace(table, plan=replace(table.plan, preset=preset)))
    assert "The training settings favour networks with temporal kernels (TKS)." in accuracy


def test_differences_are_told_of_by_the_trainings_that_they_are_between(table: Table) -> None:
    blocks_of: list[Block] = [captioned_differences(table, MACHINE, family_block(one)) for one in families(table)]
    caption = blocks_of[0].caption
    assert caption[:3] == ("A made-up suite.", "mAP, each row against the one above it.", TRAINED)
    assert {SMALL, PLACE} <= set(caption) and HALF not in caption
    assert "Joined unequal" not in " ".join(caption), "that of times is not theirs"
