"""Nothing executes from data: what a record, a machine's folder or an archive holds is shown or read, never run.

Checkpoints and features are in their own tests (`test_archive`, `test_features_file`, `test_fuzz_checkpoints`), lists
of frames and links in `test_fuzz_trees`, every kind of text in a report in `reporting/test_html` and its neighbours.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from made_up import HOSTILE
from reading import read_html
from trying import command

from reidbench import registry
from reidbench.spec import UserError
from reidbench.training.archive import read_archive

RESULTS = Path(__file__).resolve().parents[2] / "results"

SUITE = f'''"""One row with a hostile name."""
from reidbench.spec import Column, Row, Suite

SUITE = Suite("Hostile", (Row({HOSTILE!r}, "baseline"),), (Column("complexity.macs"),), {HOSTILE!r}, figures=())
'''


@pytest.fixture
def hostile() -> list[str]:
    """The options of a folder whose row, machine, versions and errors all have hostile texts."""
    from reidbench.planning.plan import Request, make_plan
    from reidbench.spec import Record
    from reidbench.store import Store

    Path("hostile.py").write_text(SUITE)
    registry.add_plugin("hostile.py")
    home = Path("results/here")
    home.mkdir(parents=True)
    facts = {"cpu": HOSTILE, "cores": 2, "memory_gib": 4, "gpu": "", "system": HOSTILE}
    (home / "machine.json").write_text(json.dumps(facts))
    store = Store("results", "here")
    (cell,) = make_plan("hostile", registry.suite("hostile"), Request(), store).all_cells()
    versions = {"torch": HOSTILE, HOSTILE: "1"}
    store.save(Record(cell.identity, cell.key, cell.row, "ok", {"macs": 1e9}, {}, {}, HOSTILE, versions, HOSTILE, 1.0))
    return ["--plugin", "hostile.py", "--results", "results", "--machine", "here"]


def test_a_record_with_script_in_every_text_is_shown_as_text(hostile: list[str]) -> None:
    outcome, _, _ = command("hostile", ["report", "hostile", "--format", "html", "md", "latex", *hostile])
    assert outcome == "success"
    page = (Path("results/here") / "hostile.html").read_text()
    reader = read_html(page)
    assert reader.tags["script"] == 1 and "alert" not in "".join(t for tag, t in reader.texts if tag == "script")
    assert sum(HOSTILE in text for _, text in reader.texts) >= 4
    assert "<script>alert" not in page
    written = (Path("results/here") / "hostile.md").read_text()
    assert "<script" not in written.replace("\\<", "") and "$y_1$" not in written
    source = (Path("results/here") / "hostile.tex").read_text()
    assert HOSTILE not in source and "{x}" not in source.replace(r"\{x\}", "")


def test_a_page_forbids_every_request(hostile: list[str]) -> None:
    """Whatever a text would smuggle in, the browser may not ask the network for it."""
    command("hostile", ["report", "hostile", "--format", "html", *hostile])
    page = (Path("results/here") / "hostile.html").read_text()
    (policy,) = [
        value
        for tag, name, value in read_html(page).attributes
        if tag == "meta" and name == "content" and "src" in value
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    assert all("http" not in sources and "*" not in sources for sources in rules.values())


def test_verdicts_on_hostile_records_are_text(hostile: list[str]) -> None:
    shutil.copytree("results", "other")
    arguments = ["check", "hostile", "--recorded", "--against", "other/here", "--format", "md", "junit", *hostile]
    _, printed, said = command("hostile", arguments, verdict=True)
    assert printed and "\x1b[31m" not in printed + said
    assert "<script>" not in (Path("results/here") / "hostile-check.md").read_text().replace("\\<script", "")
    assert "<script>" not in next(Path("results/here").glob("hostile-check.*xml")).read_text()


def test_an_archive_is_read_in_its_place_and_never_unpacked() -> None:
    torch.save({"state_dict": {"a": torch.zeros(1)}}, "x.pt")
    with zipfile.ZipFile("x.pt", "a") as archive:
        for name in ("../escaped", "x/../../escaped", str(Path("escaped").resolve())):
            archive.writestr(name, b"#!/bin/sh")
    before = sorted(Path("..").rglob("*"))
    try:
        read_archive(Path("x.pt"))
    except UserError as error:
        assert "\n" not in str(error)
    assert sorted(Path("..").rglob("*")) == before


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31mred\x1b[0m", "\udcff", "\u202egnp.exe"])
def test_what_a_terminal_would_obey_is_printed_as_escapes(name: str) -> None:
    """A file's name could move the cursor, colour the terminal, or break a refusal into two lines."""
    outcome, _, said = command("hostile", ["score", f"{name}.npz"])
    assert outcome == "refused" and said.count("\n") == 1 and said[:-1].isprintable()
