from pathlib import Path

from reidbench.reporting.documents.block import Block
from reidbench.reporting.documents.document import (
    Document,
    Items,
    Paragraph,
    Picture,
    Section,
    has_words,
    items,
    listed_levels,
    pictures,
    section,
    tabulars,
)


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
    first, second = Picture(Path("a.svg"), "A", "a"), Picture(Path("b.png"), "B", "b")
    parts = (Section("s", (Paragraph("x"), first, Section("t", (second,)))),)
    assert list(pictures(parts)) == [first, second]
    assert first.raster == Path("a.png") and second.raster == second.path


def test_columns_of_words_are_told_from_columns_of_numbers_and_their_states():
    cells = [("1 x", "-0.1", "stale: 2.0", "exact"), ("b", "not run", "n/a", "4 of them"), ("c", "-", "-", "none")]
    lines = tuple((*line[:3], "exact", line[3]) for line in cells)
    found = Block("t", ("row", "a", "b", "c", "d"), lines, frozenset(), ())
    assert [has_words(found, x) for x in range(5)] == [True, False, False, True, False]
    empty = Block("t", ("row", "a"), (("x", "not run"),), frozenset(), ())
    assert not has_words(empty, 1)


def test_a_long_table_of_contents_shows_the_chapters_alone():
    chapter = Section("c", (Section("a", ()), Section("b", ())))
    assert [listed_levels(Document("t", (chapter,) * n)) for n in (0, 1, 10, 11)] == [0, 2, 2, 1]
