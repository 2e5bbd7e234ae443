"""The HTML report opened from a file in a headless browser: sorting, filtering, colours, phone, paper, no network."""

from __future__ import annotations

import base64
import io
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from reidbench.reporting.documents.block import Block
from reidbench.reporting.documents.document import Document, Section, tabulars
from reidbench.reporting.documents.html import html

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
ROWS = ("Small 10", "Base", "Full", "Small 9")
NUMBERS = ("9.5 ± 1.0 (0.2)", "10.1 ± 2.0 (0.1)", "stale: 2.0", "not run")

pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="no chromium with chromedriver here: apt-get install chromium chromium-driver"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = Options()
    options.binary_location = str(BROWSER)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1280,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def report(whole_page: str, tmp_path: Path, browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """The whole report of the made-up store, opened."""
    yield opened(browser, whole_page, tmp_path)
    settled(browser)


@pytest.fixture
def table(tmp_path: Path, browser: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """A page with one table in two pieces and another one of a single piece."""
    blocks = [
        Block("Accuracy", ("row", "mAP (%)"), tuple(zip(ROWS, NUMBERS, strict=True)), frozenset(), ()),
        Block("Accuracy (continued)", ("row", "place"), tuple((name, f"p{name}") for name in ROWS), frozenset(), ()),
        Block("Cost", ("row", "ms"), (("Base", "5"), ("Other", "7")), frozenset(), ()),
    ]
    yield opened(browser, html(Document("Tables", (Section("All", tuple(tabulars(blocks))),))), tmp_path)
    settled(browser)


def opened(browser: webdriver.Chrome, text: str, folder: Path) -> webdriver.Chrome:
    (folder / "report.html").write_text(text)
    browser.get((folder / "report.html").as_uri())
    return browser


def settled(browser: webdriver.Chrome) -> None:
    """Leaves the browser as it was; what a page says on the console is an error."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert [entry for entry in browser.get_log("browser") if "x-refused" not in entry["message"]] == []


def column(browser: webdriver.Chrome, piece: int, cell: int = 0) -> list[str]:
    """What a column of a table shows, from the top down."""
    rows = browser.find_elements(By.TAG_NAME, "table")[piece].find_elements(By.CSS_SELECTOR, "tbody tr")
    return [row.find_elements(By.XPATH, "*")[cell].text for row in rows if row.is_displayed()]


def test_a_click_on_a_header_sorts_by_value_and_keeps_the_pieces_of_a_table_together(table: webdriver.Chrome) -> None:
    header = table.find_element(By.XPATH, "//th[contains(., 'mAP')]")
    button = header.find_element(By.TAG_NAME, "button")
    orders = {
        "ascending": ["Full", "Small 10", "Base", "Small 9"],
        "descending": ["Base", "Small 10", "Full", "Small 9"],
        "none": list(ROWS),
    }
    for order, rows in orders.items():
        button.click()
        assert header.get_attribute("aria-sort") == order
        assert column(table, 0) == column(table, 1) == rows
        assert column(table, 1, 1) == [f"p{name}" for name in rows]
    assert column(table, 2) == ["Base", "Other"]


def test_names_are_sorted_as_people_do_and_one_column_at_a_time(table: webdriver.Chrome) -> None:
    headers = table.find_elements(By.CSS_SELECTOR, "thead th")
    headers[1].find_element(By.TAG_NAME, "button").click()
    headers[0].find_element(By.TAG_NAME, "button").click()
    assert column(table, 0) == ["Base", "Full", "Small 9", "Small 10"]
    assert [header.get_attribute("aria-sort") for header in headers[:2]] == ["ascending", "none"]


def test_the_filter_keeps_the_rows_that_hold_every_word(table: webdriver.Chrome) -> None:
    box, shown = table.find_element(By.ID, "filter"), table.find_element(By.CSS_SELECTOR, "#tools output")
    box.send_keys("BASE")
    assert [column(table, piece) for piece in range(3)] == [["Base"], ["Base"], ["Base"]]
    assert shown.text == "2 of 6 rows"
    box.clear()
    box.send_keys("10 small")
    assert [column(table, piece) for piece in range(3)] == [["Small 10"], ["Small 10"], []]
    box.clear()
    box.send_keys(" ")
    assert column(table, 0) == list(ROWS) and shown.text == ""


def test_light_and_dark_follow_the_system_until_one_is_chosen_and_can_be_read(report: webdriver.Chrome) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        emulate(report, scheme)
        grounds[scheme] = brightness(colour(report, "body", "backgroundColor"))
        for selector in ("body", "nav a", "figcaption", "tbody th", "tbody strong", "pre code"):
            assert contrast(report, selector) >= 4.5, (scheme, selector)
    assert grounds["light"] > 0.9 and grounds["dark"] < 0.1
    button = report.find_element(By.ID, "theme")
    for theme in ("light", "dark"):
        button.click()
        assert theme in button.text
        for scheme in ("light", "dark"):
            emulate(report, scheme)
            assert brightness(colour(report, "body", "backgroundColor")) == grounds[theme]


def test_a_phone_scrolls_inside_tables_only(report: webdriver.Chrome) -> None:
    report.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    report.refresh()
    widths = "return [document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]"
    assert set(report.execute_script(widths)) == {PHONE["width"]}
    inner = report.execute_script(
        "return [...document.querySelectorAll('.scroll')].map(e => [e.scrollWidth, e.clientWidth, e.className])"
    )
    assert all(client <= PHONE["width"] for _, client, _ in inner)
    assert any(whole > client for whole, client, name in inner if "card" not in name), "a wide table can be scrolled"
    assert not any(whole > client for whole, client, name in inner if "card" in name), "a figure fits"
    shifts = report.execute_script(
        "const box = [...document.querySelectorAll('.scroll')].find(e => e.scrollWidth > e.clientWidth);"
        "const cells = [box.querySelector('tbody th'), box.querySelector('tbody td')];"
        "const lefts = () => cells.map(e => e.getBoundingClientRect().left); const before = lefts();"
        "box.scrollLeft = 30; return lefts().map((left, i) => before[i] - left)"
    )
    assert shifts == [0, 30], "the names stay, the numbers move"


HINTS = (
    "return [...document.querySelectorAll('.table .scroll')].map(box => ["
    "box.scrollWidth > box.clientWidth, box.previousElementSibling.checkVisibility()])"
)


def test_a_table_says_that_it_can_be_scrolled_where_it_can(report: webdriver.Chrome) -> None:
    assert not any(shown for _, shown in report.execute_script(HINTS)), "a desk has room"
    report.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    WebDriverWait(report, 60).until(lambda b: any(shown for _, shown in b.execute_script(HINTS)))
    assert all(wide == shown for wide, shown in report.execute_script(HINTS))


def test_a_tap_enlarges_a_figure_on_a_phone_until_the_next(report: webdriver.Chrome) -> None:
    button = report.find_element(By.CSS_SELECTOR, "figure button")
    assert not button.is_displayed(), "a desk has room"
    report.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    width = "return document.querySelector('figure svg').clientWidth"
    for expected, pressed in ((False, "false"), (True, "true"), (False, "false")):
        assert (report.execute_script(width) > 600) == expected
        assert button.is_displayed() and button.get_attribute("aria-pressed") == pressed
        assert report.execute_script("return document.documentElement.scrollWidth") == PHONE["width"]
        button.click()


def test_figures_are_drawn(report: webdriver.Chrome) -> None:
    sizes = report.execute_script(
        "return [...document.querySelectorAll('figure svg')].map(e => [e.clientWidth, e.clientHeight])"
    )
    assert len(sizes) == 4 and all(width > 500 and height > 150 for width, height in sizes)


def test_paper_holds_the_numbers_and_no_controls(report: webdriver.Chrome) -> None:
    answer = report.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    pages = PdfReader(io.BytesIO(base64.b64decode(answer["data"]))).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert "4.08 4.08 agrees 23.5 23.5 agrees" in text and "Imaginary 9000" in text
    assert not any(control in text for control in ("Colours", "Contents", "Enlarge", "scroll sideways"))


def test_nothing_is_asked_of_a_network(report: webdriver.Chrome) -> None:
    loaded = report.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            report.execute_script(
                "window.refused = []; addEventListener('securitypolicyviolation', e => refused.push(e.blockedURI));"
                f"new Image().src = '{address}/x-refused-image'; fetch('{address}/x-refused-fetch').catch(() => 0);"
            )
            WebDriverWait(report, 60).until(lambda b: b.execute_script("return refused.length") == 2)
        finally:
            server.shutdown()
    assert asked == []


def emulate(browser: webdriver.Chrome, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def colour(browser: webdriver.Chrome, selector: str, name: str) -> list[float]:
    """Red, green, blue and opacity of an element's style as the browser paints it."""
    return browser.execute_script(
        "const pen = new OffscreenCanvas(1, 1).getContext('2d');"
        "pen.fillStyle = getComputedStyle(document.querySelector(arguments[0]))[arguments[1]];"
        "pen.fillRect(0, 0, 1, 1); return [...pen.getImageData(0, 0, 1, 1).data].map(x => x / 255)",
        selector,
        name,
    )


def brightness(rgb: list[float]) -> float:
    """Relative luminance, 0 to 1 (WCAG 2)."""
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in rgb[:3]]
    return sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(browser: webdriver.Chrome, selector: str) -> float:
    """The contrast ratio of an element's text with the ground of the page (WCAG 2)."""
    pair = brightness(colour(browser, selector, "color")), brightness(colour(browser, "body", "backgroundColor"))
    return (max(pair) + 0.05) / (min(pair) + 0.05)
