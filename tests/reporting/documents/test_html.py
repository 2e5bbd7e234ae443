import re
from collections import Counter
from pathlib import Path

import pytest
from made_up import HOSTILE, hostile_document
from reading import Reader, read_html

from reidbench.reporting.documents.block import Block
from reidbench.reporting.documents.document import Document, Paragraph, Section, Tabular
from reidbench.reporting.documents.html import html

LOADING = {"src", "srcset", "data", "action", "poster", "background", "ping"}


@pytest.fixture(scope="module")
def page(whole_page: str) -> Reader:
    return read_html(whole_page)


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
    assert Counter(whole) == Counter(["title", "h1", "a", "h2", "h3", "p", "p", "li", "th", "th", "td", "code"])
    assert ("img", "alt", HOSTILE) in reader.attributes


def test_headings_go_down_one_level_at_a_time_and_those_of_tables_are_not_in_the_contents(page: Reader) -> None:
    text = html(Document("t", (Section("One", (Tabular((BLOCK,)), Section("Two", (Tabular((BLOCK,)),)))),)))
    levels = [int(level) for level in re.findall(r"<h(\d)", text)]
    assert levels == [1, 2, 3, 3, 4]
    contents = text[text.index("<nav") : text.index("</nav>")]
    assert "One" in contents and "Two" in contents and BLOCK.title not in contents
    assert page.tags["h3"] and not page.tags["h5"]


def test_a_long_name_may_be_broken_after_a_plus_and_a_number_stays_with_its_percent() -> None:
    text = html(Document("t", (Paragraph("95 % of all"), Tabular((BLOCK,)))))
    assert "<p>95\N{NO-BREAK SPACE}% of all</p>" in text and ">TB+<wbr>CSP</th>" in text


def test_a_figure_is_no_stop_of_the_tab_key_and_is_named_apart_from_its_caption(page: Reader) -> None:
    groups = [value for tag, name, value in page.attributes if (tag, name) == ("div", "aria-label")]
    assert {"Figure 1", "Figure 2"} <= set(groups)
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert labels and all(label.startswith("A made-up suite: ") and "tables above" in label for label in labels)
    assert len(set(labels)) == len(labels)


BLOCK = Block("Cost", ("row", "x"), (("TB+CSP", "1.0"),), frozenset(), ())
