from pathlib import Path

from reidbench.reporting.blocks import Block
from reidbench.reporting.document import Items, Paragraph, Picture, Section, items, pictures, section, tabulars


def block(title: str) -> Block:
    return Block(title, ("row", "x"), (("a", "1"),), frozenset(), ())


def test_the_pieces_of_one_table_are_kept_together_and_other_tables_apart():
    titles = ["Cost", "Cost (continued)", "Cost (continued)", "Accuracy", "Other (continued)"]
    found = tabulars([block(title) for title in titles])
    assert [[piece.title for piece in table.pieces] for table in found] == [titles[:3], titles[3:4], titles[4:]]
    assert [table.title for table in found] == ["Cost", "Accuracy", "Other (continued)"]


def test_what_is_empty_has_no_heading():
    assert items([]) is None
    assert section("Nothing", None, items([])) is None
    assert section("Something", None, items(["a"])) == Section("Something", (Items(("a",)),))


def test_pictures_of_inner_sections_are_found_in_order():
    first, second = Picture(Path("a.svg"), "A"), Picture(Path("b.png"), "B")
    parts = (Section("s", (Paragraph("x"), first, Section("t", (second,)))),)
    assert list(pictures(parts)) == [first, second]
    assert first.raster == Path("a.png") and second.raster == second.path
