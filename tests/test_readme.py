"""README and docs/ are true: commands are understood, the table is the report's, links work, lists are whole."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import pytest

from reidbench import cli, presets, registry
from reidbench.commands.parser import Parser
from reidbench.retrieval.protocols import PROTOCOLS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
START = re.compile(r"(?:^|`|&& )(?:python|torchrun --nproc-per-node \d+) bench\.py ([^`#\n]+)", flags=re.MULTILINE)


def commands(page: Path) -> list[str]:
    return [command.strip() for command in START.findall(page.read_text())]


def links() -> Iterable[tuple[Path, str]]:
    """Every link that leads to a file or to a heading, with the page that it is on."""
    for page in PAGES:
        for target in re.findall(r'(?:\]\(|src=")([^)":]+)[)"]', page.read_text()):
            yield page, target


@pytest.fixture(scope="module")
def parser() -> Parser:
    """That of a command without plugins."""
    return cli._parser()


@pytest.mark.parametrize("command", sorted({command for page in PAGES + EXAMPLES for command in commands(page)}))
def test_every_command_is_understood(command: str, parser: Parser) -> None:
    arguments = shlex.split(command)
    for plugin in cli._plugins(arguments):
        assert (ROOT / plugin).is_file()
        registry._plugins.append(ROOT / plugin)
        registry.forget_found()
        parser = cli._parser()
    namespace = parser.parse_all(arguments)
    assert namespace.run
    if hasattr(namespace, "model"):
        assert namespace.model in registry.models()
    if getattr(namespace, "dataset", ""):
        assert namespace.dataset in registry.datasets()


def test_no_command_is_written_in_a_form_that_is_not_tried() -> None:
    for page in PAGES:
        for line in page.read_text().splitlines():
            assert START.search(line) or not re.search(r"(python|torchrun)\b.*\bbench\.py", line), line


def test_the_page_of_commands_has_every_command() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    named = {command.split()[0] for command in START.findall(text)} | set(re.findall(r"`(\w+)`", text))
    assert set(cli._parser().get_default("known")) <= named


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("presets", set(presets.PRESETS)),
        ("protocols", set(PROTOCOLS)),
        ("datasets", {name for name in registry.datasets() if name != "synthetic"}),
        ("models", set(registry.models())),
    ],
)
def test_a_page_lists_all_that_there_are(page: str, names: set[str]) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text()
    first_cells = re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE)
    assert {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)} == names


def test_as_many_networks_are_marked_as_approximate_as_the_readme_says() -> None:
    marked = {row.model for row in registry.suite("rivals").rows if row.approximate}
    text = (ROOT / "docs" / "models.md").read_text()
    cells = re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`(\w+)` ≈", cell)} == marked
    assert len(marked) == 10 and "ten of them [marked as approximate](docs/models.md)" in README


def test_the_table_is_the_committed_reports() -> None:
    shown = re.search(r"<!-- table2 (\S+) -->(.*?)<!-- end -->", README, flags=re.DOTALL)
    assert shown
    assert README.count("<!-- end -->") == 1, "the table stands there once"
    report = (ROOT / shown[1]).read_text()
    lines = [line for line in shown[2].splitlines() if line.startswith("|")]
    assert len(lines) > 20
    for line in lines:
        assert line in report.splitlines()


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "reading.md"], ids=lambda page: page.stem)
def test_the_steps_within_the_noise_are_counted_as_the_report_counts_them(page: Path) -> None:
    report = (ROOT / "results/amd-epyc-2-core-407a/table2.md").read_text()
    beyond, steps = map(int, re.search(r"(\d+) of the (\d+) differences tested are beyond the noise", report).groups())
    told = re.search(r"(\d+) steps\s+from one row to the next, (\d+)\s+lie\s+within", page.read_text())
    assert told and (int(told[1]), int(told[2])) == (steps, steps - beyond)


@pytest.mark.parametrize(("page", "target"), sorted(set(links())), ids=lambda value: getattr(value, "stem", value))
def test_every_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, heading = target.partition("#")
    file = page.parent / path if path else page
    assert file.exists()
    if heading:
        headings = re.findall(r"^#+ (.*)$", file.read_text(), flags=re.MULTILINE)
        assert heading in {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}


def test_the_readme_leads_to_every_page() -> None:
    linked = {target for page, target in links() if page.name == "README.md"}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked
