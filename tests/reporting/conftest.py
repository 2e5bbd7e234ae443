import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import QUANTITIES, RECIPE, SUITE, Bench, document_of
from matplotlib.figure import Figure

from reidbench import presets, registry
from reidbench.files import write_text
from reidbench.recipes import Preset
from reidbench.registry import Measurement
from reidbench.reporting.documents.html import html
from reidbench.reporting.figures import FIGURES
from reidbench.store import Store

TOY = '''
from reidbench.registry import model


@model
def toy(*, classes=0, width=1):
    """A model that is never built."""
'''


@pytest.fixture(autouse=True)
def made_up_measurements(monkeypatch):
    make_up(monkeypatch)


def make_up(patch: pytest.MonkeyPatch) -> None:
    """Has the measurements be those of the made-up suite alone."""
    modes = {"latency": "interleaved", "throughput": "interleaved"}
    found = {
        name: Measurement(
            name, "", quantities, modes.get(name, "batch"), (), name == "accuracy", version=1, function=print
        )
        for name, quantities in QUANTITIES.items()
    }
    patch.setattr(registry, "measurements", lambda: found)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return bench_in(tmp_path)


def bench_in(folder: Path) -> Bench:
    machine = {"cpu": "Imaginary 9000", "cores": 2, "memory_gib": 8, "gpu": "", "system": "Linux"}
    write_text(folder / "made-up" / "machine.json", json.dumps(machine))
    return Bench(Store(folder, "made-up"))


@pytest.fixture(scope="module")
def whole_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The HTML report of the made-up store with its figures, made once for all tests of a file."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        make_up(patch)
        bench = bench_in(folder)
        bench.seeds = 3
        bench.save_all()
        return html(document_of(bench, folder, figures=True))


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every figure be drawn as an empty one, where it is not asked what is to be seen on it."""
    for name, drawing in FIGURES.items():
        monkeypatch.setitem(FIGURES, name, replace(drawing, draw=lambda _: Figure((1, 1))))


@pytest.fixture
def toy(tmp_path, monkeypatch):
    path = tmp_path / "toy.py"
    path.write_text(TOY)
    monkeypatch.setattr(registry, "_plugins", [path])
    registry.models.cache_clear()
    monkeypatch.setattr(registry, "suite", lambda name: SUITE)
    monkeypatch.setattr(registry, "suites_of", lambda name: {name: SUITE})
    monkeypatch.setitem(presets.PRESETS, "made-up", Preset("made-up", "", RECIPE, "synthetic"))
    yield
    monkeypatch.undo()
    registry.models.cache_clear()
