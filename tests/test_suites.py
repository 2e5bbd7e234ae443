"""Every suite: its rows build, its columns exist, and what it calls published is what the paper prints."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from reidbench import machine, presets, registry
from reidbench.files import write_text
from reidbench.planning.plan import Request, all_cells, make_plan
from reidbench.presets import QUICK
from reidbench.recipes import Preset
from reidbench.reporting.tables.table import assemble
from reidbench.running.jobs import make_jobs
from reidbench.spec import Record, Suite
from reidbench.store import Store

TINY = Preset(
    "tiny",
    "two steps, to see that everything runs",
    replace(QUICK, steps=2, identities=4, trunk=""),
    "synthetic",
    dataset_options={"train_ids": 8, "test_ids": 8, "cameras": 2, "frames": 10, "seed": 3},
    model_options={
        "depth": 50,
        "width": 8,
        "blocks": (1, 1, 1, 1),
        "inception_width": 4,
        "side": 75,
        "vit_depth": 2,
        "vit_width": 64,
        "small": "input",
    },
)
PAPER = tomllib.loads((Path(__file__).parent / "published.toml").read_text())
LABELS = ("model", "alpha", "group", "heights", "kernels", "stages")
"""Keys that name a row of the paper rather than hold a value."""
SUITES = sorted(name for name in registry.suite_paths() if list(registry.suites_of(name)) == [name])

MEASUREMENTS = registry.measurements()
TRAINED = [n for n in SUITES if any(MEASUREMENTS[c.measurement].needs_training for c in registry.suite(n).columns)]


@pytest.mark.parametrize("name", SUITES)
def test_every_row_and_column_is_registered(name: str) -> None:
    suite = registry.suite(name)
    assert registry.suite_about(name)
    assert suite.reference in [row.name for row in suite.rows]
    assert suite.focus in ["", *(row.name for row in suite.rows if row.model)] and suite.focus != suite.reference
    assert len({row.name for row in suite.rows}) == len(suite.rows)
    for row in suite.rows:
        assert row.model or row.published
        if row.model:
            registry.resolve_options(row.model, row.options)
    for column in suite.columns:
        assert column.field in registry.measurements()[column.measurement].quantities


@pytest.mark.parametrize("name", SUITES)
def test_rows_have_cells_of_their_own(name: str, tmp_path: Path) -> None:
    suite = registry.suite(name)
    plan = make_plan(name, suite, Request(), Store(tmp_path, "here"))
    for index in range(len(suite.columns)):
        keys = [cell.key for row in suite.rows for cell in plan.cells.get((row.name, index), ())]
        assert len(set(keys)) == len(keys), f"two rows of {name} are the same cell in column {index}"


@pytest.mark.parametrize("name", sorted(set(SUITES) & set(PAPER)))
def test_published_values_are_those_the_paper_prints(name: str) -> None:
    printed = PAPER[name]["row"]
    rows = [row for row in registry.suite(name).rows if row.published]
    assert len(rows) == len(printed)
    for row, expected in zip(rows, printed, strict=True):
        if name == "table1":
            assert row.name == expected.pop("method")
            values = {p.dataset: [p.values["mAP"], p.values["top1"]] for p in row.published}
        else:
            values = dict(row.published[0].values)
        assert values == {key: value for key, value in expected.items() if key not in LABELS}


def test_the_paper_is_every_table_that_it_prints_and_shares_what_they_share(tmp_path: Path) -> None:
    members = registry.suites_of("paper")
    assert {"table1", "table2", "table3", "table4", "table5", "table6", "overhead", "complexity"} <= set(members)
    plans = [make_plan(name, suite, Request(), Store(tmp_path, "here")) for name, suite in members.items()]
    together = {cell.key for cell in all_cells(plans)}
    assert len(together) < sum(len(plan.all_cells()) for plan in plans)
    for name in ("table2", "table3", "table4", "overhead"):
        suite = members[name]
        index = next(i for i, c in enumerate(suite.columns) if c.quantity == "complexity.gflops")
        base = make_plan(name, suite, Request(), Store(tmp_path, "here")).cells[suite.reference, index][0]
        assert base.key in together
        assert base.key == plans[1].cells["Base-B (256x128)", 8][0].key, "Base-B is one cell for all tables"


def test_rivals_are_all_of_table_1_with_what_it_says_of_them() -> None:
    rivals = {row.name: row for row in registry.suite("rivals").rows}
    on_mevid = {name for name, row in rivals.items() if row.publication("mAP", "mevid")}
    assert on_mevid == {"AP3D", "TCLNet", "STMN", "PSTA", "BiCnet-TKS"}
    rivals = {
        name: replace(row, published=tuple(p for p in row.published if p.dataset != "mevid"))
        for name, row in rivals.items()
    }
    for row in registry.suite("table1").rows:
        assert row.name in rivals
        if halved := rivals.get(f"{row.name}, frames halved"):
            said = (*rivals[row.name].published, *halved.published)
            assert said == row.published and [p.dataset for p in halved.published] == ["lsvid"]
            continue
        assert row == rivals[row.name] or not row.published, "only Base-B, which Table 1 lacks, has other values"
    later = [row for row in rivals.values() if any(p.source not in ("Table 1", "Table 2") for p in row.published)]
    assert len(later) >= 7 and all(row.model for row in later)


def test_every_method_of_the_registry_is_among_the_rivals() -> None:
    """By the function that builds it: all but networks of the ablations are of a method that a row is of."""
    known = registry.models()
    shown = {known[row.model].function for row in registry.suite("rivals").rows if row.model}
    assert shown == {entry.function for entry in known.values()}


def test_what_only_a_gpu_measures_has_each_network_once_and_leaves_the_tables_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path, "here")
    write_text(store.folder / "machine.json", json.dumps({**machine.describe(), "gpu": "Imaginary GPU"}))

    def on_gpu(name: str) -> dict[str, str]:
        cells = make_plan(name, registry.suite(name), Request(only="cost"), store).all_cells()
        return {cell.key: cell.row for cell in cells if cell.settings.get("device") == "cuda"}

    plan = make_plan("gpu", registry.suite("gpu"), Request(), store)
    for index, column in enumerate(plan.suite.columns):
        keys = {plan.cells[row.name, index][0].key for row in plan.suite.rows}
        assert len(keys) == len(plan.suite.rows), f"two rows are the same network in {column.quantity}"
    times = on_gpu("gpu")
    for name in ("table2", "table3", "table4", "table5", "table6"):
        assert not on_gpu(name).keys() - times.keys(), name


def test_a_gpu_run_that_is_ended_early_lacks_what_matters_least(tmp_path: Path) -> None:
    store = Store(tmp_path, "here")
    write_text(store.folder / "machine.json", json.dumps({**machine.describe(), "gpu": "Imaginary GPU"}))
    part, whole = (make_plan("gpu", registry.suite("gpu"), Request(rows=rows), store) for rows in (("1-8",), ()))
    assert [row.name for row in part.suite.rows] == [row.name for row in registry.suite("table2").rows]
    assert {cell.key for cell in part.all_cells()} < {cell.key for cell in whole.all_cells()}
    jobs = sorted(make_jobs(whole.all_cells()), key=lambda job: job.turn)
    first = [{**job.cells[0].settings, "measurement": job.cells[0].measurement} for job in jobs]
    orders = [(each["measurement"], each.get("backend", "eager"), each["precision"]) for each in first]
    ways = [("eager", "fp32"), ("cudagraph", "fp32"), ("cudagraph", "bf16"), ("eager", "bf16")]
    timed = [(measurement, *way) for measurement in ("latency", "throughput") for way in ways]
    assert orders == timed + [("memory", *ways[0])] * len(whole.suite.rows)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """What all suites are measured into, so that rows that they share train once, beside the cache of their data."""
    return Store(tmp_path_factory.mktemp("shared") / "results", "here")


@pytest.mark.parametrize("name", TRAINED)
def test_every_row_trains_and_is_measured(name: str, shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, for two steps or three; of `stress` at one level, of the backends eager."""
    suite = registry.suite(name)
    first = next((column.level for column in suite.columns if column.level[0]), None)
    columns = tuple(c for c in suite.columns if not c.level[0] or c.level == first)
    _trains(name, replace(suite, columns=columns), shared, monkeypatch)


def test_a_row_trains_at_the_last_level_of_each_factor(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = registry.suite("stress")
    levels = {column.level[0]: column for column in suite.columns}
    rows = tuple(row for row in suite.rows if row.name == suite.reference)
    _trains(
        "stress", replace(suite, rows=rows, columns=tuple(levels.values()), contrasts=(), focus=""), shared, monkeypatch
    )


def _trains(name: str, suite: Suite, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains the rows of a suite that are not trained yet, and finds all measured."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(store.folder.parents[1] / "cache"))
    monkeypatch.setitem(presets.PRESETS, "tiny", TINY)
    columns = tuple(c for c in suite.columns if c.settings.get("backend", "eager") == "eager")
    rows = tuple(replace(r, recipe={**r.recipe, "steps": 3}) if "steps" in r.recipe else r for r in suite.rows)
    suite = replace(suite, rows=rows, columns=columns)
    plan = make_plan(name, suite, Request(preset="tiny", only="accuracy"), store)
    for cell in plan.all_cells():
        if store.load(cell):
            continue
        for measured, outcome in registry.measurements()[cell.measurement].function([cell], lambda *_: None):
            found = (outcome.values, outcome.samples, outcome.context, "here", {}, machine.now(), 1.0)
            store.save(Record(measured.identity, measured.key, measured.row, "ok", *found))
    table = assemble(plan, store)
    states = {entry.state for entry in table.entries.values()}
    assert "ok" in states
    assert states <= {"ok", "absent", "published", "skipped"}, "skipped: a factor by which nobody is told apart"
