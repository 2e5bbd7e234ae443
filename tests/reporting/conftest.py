import json
from pathlib import Path

import pytest
from made_up import QUANTITIES, RECIPE, SUITE, Bench

from reidbench import presets, registry
from reidbench.files import write_text
from reidbench.recipes import Preset
from reidbench.registry import Measurement
from reidbench.store import Store

TOY = '''
from reidbench.registry import model


@model
def toy(*, classes=0, width=1):
    """A model that is never built."""
'''


@pytest.fixture(autouse=True)
def made_up_measurements(monkeypatch):
    modes = {"latency": "interleaved", "throughput": "interleaved"}
    found = {
        name: Measurement(
            name, "", quantities, modes.get(name, "batch"), (), name == "accuracy", version=1, function=print
        )
        for name, quantities in QUANTITIES.items()
    }
    monkeypatch.setattr(registry, "measurements", lambda: found)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    machine = {"cpu": "Imaginary 9000", "cores": 2, "memory_gib": 8, "gpu": "", "system": "Linux"}
    write_text(tmp_path / "made-up" / "machine.json", json.dumps(machine))
    return Bench(Store(tmp_path, "made-up"))


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
