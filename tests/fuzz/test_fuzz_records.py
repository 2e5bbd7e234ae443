"""Damaged records and machine descriptions: a report, a comparison or an export takes them or names the file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import damaged_json, damaged_tree
from nightly import NIGHTLY
from trying import attempt, cases, command

from reidbench import registry
from reidbench.planning.plan import Plan, Request, make_plan
from reidbench.reporting import figures, writing
from reidbench.reporting.documents.html import html
from reidbench.reporting.documents.latex import latex
from reidbench.reporting.documents.markdown import markdown
from reidbench.reporting.documents.typeset import typeset
from reidbench.reporting.report import single_report
from reidbench.reporting.tables.dataframe import frame, to_frame
from reidbench.reporting.tables.table import assemble
from reidbench.spec import Cell, Record, canonical_json
from reidbench.store import Store, read_record

RESULTS = Path(__file__).resolve().parents[2] / "results"
HERE = "here"

SUITE = '''"""Two rows with a column of every kind of measurement."""
from reidbench.spec import Column, Published, Row, Suite

SUITE = Suite(
    "Small",
    (
        Row("Base", "baseline", {}, (Published({"mAP": "85.2", "gflops": "4.08"}),)),
        Row("Ours", "bicnet_tks", {}, (Published({"mAP": "86.0"}),)),
    ),
    tuple(
        Column(quantity, published)
        for quantity, published in (
            ("accuracy.mAP", "mAP"), ("accuracy.mAP_emblem", ""), ("complexity.gflops", "gflops"),
            ("complexity.params", ""), ("latency.latency", ""), ("latency.ratio", ""), ("throughput.throughput", ""),
            ("memory.peak", ""), ("activation.overlap", ""), ("attention.overlap", ""), ("ranking.found", ""),
            ("selection.long_fast", ""), ("selection.tempo_gap", ""), ("formula.counted", ""),
        )
    ),
    "Base",
    figures=("accuracy", "rows", "latency", "factors", "activation", "attention", "selection", "ranking", "formula"),
)
'''


class Bench:
    """A store that holds a record of every cell of the small suite, with what real ones of the measurement hold."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "results"
        self.plugin = folder / "small.py"
        self.plugin.write_text(SUITE)
        (self.root / HERE).mkdir(parents=True)
        self.machine = self.root / HERE / "machine.json"
        machine = sorted(RESULTS.glob("*/machine.json"))[0]
        self.machine.write_text(machine.read_text())
        registry.add_plugin(self.plugin)
        self.store = Store(self.root, HERE)
        self.plan: Plan = make_plan("small", registry.suite("small"), Request(), self.store)
        self.files: dict[str, Path] = {}
        for cell in self.plan.all_cells():
            path = self.store.save(_made_up(cell))
            self.files.setdefault(cell.measurement, path)
        self.samples = {name: json.loads(path.read_text()) for name, path in self.files.items()}

    def options(self) -> list[str]:
        return ["--plugin", str(self.plugin), "--results", str(self.root), "--machine", HERE]


def _made_up(cell: Cell) -> Record:
    """A record of a cell with the readings of another one of its measurement, less of them to be quick."""
    model = json.loads(sorted(RESULTS.glob(f"*/{cell.measurement}/*.json"))[0].read_text())
    context = {name: value[:2] if isinstance(value, list) else value for name, value in model["context"].items()}
    samples = {name: readings[:40] for name, readings in model["samples"].items()}
    kept = {name: model[name] for name in ("values", "versions", "started", "seconds")}
    return Record(
        cell=cell.identity, key=cell.key, row=cell.row, status="ok", samples=samples, context=context,
        machine=HERE, **kept,
    )  # fmt: skip


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    before = list(registry._plugins)
    yield Bench(tmp_path_factory.mktemp("bench"))
    registry._plugins[:] = before
    registry.forget_found()


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take seconds; they have a test of their own."""
    monkeypatch.setattr(writing, "_draw", lambda *_, **__: [])


def rekeyed(content: Any) -> Any:
    """The record with the key that its cell has now, so that the readers get to see it."""
    if isinstance(content, dict) and isinstance(content.get("cell"), dict):
        try:
            content["key"] = hashlib.sha256(canonical_json(content["cell"]).encode()).hexdigest()[:12]
        except (TypeError, ValueError, RecursionError):
            return content
    return content


@st.composite
def damaged_record(draw, samples: dict[str, Any]) -> tuple[str, bytes]:
    name = draw(st.sampled_from(sorted(samples)))
    if draw(st.booleans()):
        return name, draw(damaged_json(samples[name]))
    return name, json.dumps(rekeyed(draw(damaged_tree(samples[name], most=2)))).encode()


def read_everything(bench: Bench) -> None:
    """All that a report of the store does, but for the figures."""
    store = bench.store
    table = assemble(bench.plan, store)
    document = single_report(table, store.machine(), (), "python bench.py report small")
    for text in (markdown(document), html(document), *latex(document, "x").values(), typeset(document)):
        text.encode()
    to_frame(table).to_json(orient="records")
    frame("small", str(bench.root))


class Swapped:
    """A file with other content, put right afterwards."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content, self.before = path, content, path.read_bytes()

    def __enter__(self) -> None:
        self.path.write_bytes(self.content)

    def __exit__(self, *_: object) -> None:
        self.path.write_bytes(self.before)


@cases(120, 2500)
@given(data=st.data())
def test_reading_one_record(bench: Bench, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    name, content = data.draw(damaged_record(bench.samples))
    with Swapped(bench.files[name], content):
        attempt("record, read", lambda: asdict(read_record(bench.files[name])))


@cases(25, 400)
@given(data=st.data())
def test_reporting(bench: Bench, data: st.DataObject) -> None:
    name, content = data.draw(damaged_record(bench.samples))
    with Swapped(bench.files[name], content):
        attempt("record, report", lambda: read_everything(bench))


@cases(12, 150)
@given(data=st.data())
def test_commands(bench: Bench, data: st.DataObject) -> None:
    name, content = data.draw(damaged_record(bench.samples))
    arguments = data.draw(
        st.sampled_from(
            [
                ["report", "small", "--format", "md", "html", "latex"],
                ["report", "small", "--json"],
                ["check", "small", "--recorded", "--against", str(bench.root / HERE)],
                ["check", "small", "--recorded", "--json", "--against", str(RESULTS)],
                ["compare", str(bench.root), str(RESULTS), "--suite", "small"],
            ]
        )
    )
    with Swapped(bench.files[name], content):
        verdict = arguments[0] in ("check", "compare")
        command("record, command", [*arguments, *bench.options()], verdict=verdict)


@cases(15, 200)
@given(data=st.data())
def test_machine_descriptions(bench: Bench, data: st.DataObject) -> None:
    with Swapped(bench.machine, data.draw(damaged_json(json.loads(bench.machine.read_text())))):
        call = lambda: make_plan("small", registry.suite("small"), Request(), bench.store)  # noqa: E731
        attempt("machine.json", call)
        attempt("machine.json", bench.store.check_is_here)
        command("machine.json", ["report", "small", *bench.options()])


@cases(30, 500)
@given(data=st.data())
def test_calibrations(bench: Bench, data: st.DataObject) -> None:
    known = sorted(RESULTS.glob("*/calibration.json"))[0]
    sample = json.loads(known.read_text())
    sample["log_ratios"] = {name: [part[:3] for part in each[:2]] for name, each in sample["log_ratios"].items()}
    path = bench.root / HERE / "calibration.json"
    content = data.draw(damaged_json(sample))
    path.write_bytes(content)
    try:
        from reidbench.commands.calibrate import _known
        from reidbench.regression.calibration import session_noise

        attempt("calibration.json", lambda: session_noise(path.parent))
        attempt("calibration.json", lambda: _known(path.parent))
    finally:
        path.unlink()


@pytest.mark.skipif(not NIGHTLY, reason="figures take seconds")
@cases(1, 15)
@given(data=st.data())
def test_drawing(bench: Bench, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    shown = ("activation", "attention", "selection", "ranking", "accuracy", "latency", "formula")
    name = data.draw(st.sampled_from([name for name in shown if name in bench.samples]))
    content = json.dumps(data.draw(damaged_tree(bench.samples[name], most=2))).encode()
    with Swapped(bench.files[name], content):
        folder = tmp_path_factory.mktemp("figures")
        attempt("record, figures", lambda: figures.draw_figures(assemble(bench.plan, bench.store), folder / "small"))
