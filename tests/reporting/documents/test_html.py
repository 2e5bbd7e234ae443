import re
from collections import Counter
from pathlib import Path

import pytest
from made_up import HOSTILE, Bench, document_of, hostile_document
from reading import Reader, read_html

from reidbench.reporting.documents.html import html

LOADING = {"src", "srcset", "data", "action", "poster", "background", "ping"}


@pytest.fixture
def page(bench: Bench, tmp_path: Path) -> Reader:
    bench.seeds = 3
    bench.save_all()
    return read_html(html(document_of(bench, tmp_path, figures=True)))


def test_every_id_is_given_once_and_every_link_leads_to_one(page: Reader) -> None:
    assert page.tags["svg"] == 4 and set(page.ids.values()) == {1}
    links = [value for _, name, value in page.attributes if name in ("href", "xlink:href")]
    uses = [u for _, _, value in page.attributes for u in re.findall(r"url\((#[^)]+)\)", value)]
    labels = [f"#{value}" for _, name, value in page.attributes if name == "aria-labelledby"]
    assert len(links) > 50 and uses and labels
    assert {target for target in (*links, *uses, *labels) if target[1:] not in page.ids} == set()


def test_nothing_outside_is_named(page: Reader) -> None:
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    for tag, name, value in page.attributes:
        assert "//" not in value or (name.startswith("xmlns") and value in namespaces), (tag, name, value)
        assert name not in LOADING or value.startswith("data:"), (tag, name, value)
        assert not name.startswith("on"), f"{tag} {name}: the page's policy forbids it"
    for tag, text in page.texts:
        assert tag not in ("style", "script") or not re.search(r"https?:|@import|url\(|fetch\(", text)
    assert page.tags["link"] == page.tags["iframe"] == page.tags["object"] == 0


def test_tables_say_what_their_headers_are_for(page: Reader) -> None:
    scopes = Counter(value for tag, name, value in page.attributes if (tag, name) == ("th", "scope"))
    assert page.tags["table"] >= 3 and scopes["col"] + scopes["row"] == page.tags["th"] and scopes["row"] >= 9
    assert any(tag == "strong" for tag, _ in page.texts), "the clear winner of a column"
    assert any(tag == "td" and "±" in text for tag, text in page.texts)


def test_hostile_names_are_text(tmp_path: Path) -> None:
    reader = read_html(html(hostile_document(tmp_path)))
    assert reader.tags["script"] == 1 and reader.tags["img"] == 1
    whole = [tag for tag, text in reader.texts if text.strip() == HOSTILE]
    assert Counter(whole) == Counter(["title", "h1", "a", "h2", "h4", "p", "p", "li", "th", "th", "td", "code"])
    assert ("img", "alt", HOSTILE) in reader.attributes
