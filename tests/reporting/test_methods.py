from dataclasses import asdict

from made_up import COLUMNS, ROWS

from reidbench.reporting.document import Items
from reidbench.reporting.methods import _together, methods, recipe_text
from reidbench.reporting.tables import assemble
from reidbench.spec import Recipe


def test_a_recipe_in_words():
    text = recipe_text(asdict(Recipe()))
    assert text.startswith(
        "150 epochs of 64 clips (16 identities x 4), 8 frames of 256x128 pixels every 4; Adam 0.00035"
    )
    assert "times 0.1 at epochs 40, 80, 120" in text and "trunk from imagenet" in text


def test_what_tables_share_stands_once_and_what_they_do_not_names_them():
    lines = {"one": ["same", "first"], "two": ["same"], "cost": []}
    assert list(_together(lines)) == ["same", "first (In one.)"]


def test_two_tables_of_the_same_columns_describe_them_once(bench):
    bench.save_all()
    table = assemble(bench.plan, bench.store)
    once, twice = (methods(tables, "made-up", {"cpu": "Imaginary 9000"}) for tables in ([table], [table, table]))
    assert once == twice
    assert [found.title for found in once] == [
        "Columns and counting rules",
        "Training and data",
        "Machine and versions",
    ]


def test_every_dataset_that_a_table_trains_on_is_described(bench):
    bench.save_all()
    bench.save(bench.cell(ROWS[0], COLUMNS[0]), dataset_about="It has no weather.")
    training = methods([assemble(bench.plan, bench.store)], "made-up", {})[1]
    lines = next(part.lines for part in training.parts if isinstance(part, Items))
    assert any("fingerprint f00d" in line for line in lines)
    assert sum("It has no weather." in line for line in lines) == 1
