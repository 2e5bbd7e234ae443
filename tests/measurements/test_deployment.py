"""Whole tracklets and large galleries, on small settings: what is yielded, and that it is all a table needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import written_here

from reidbench import registry
from reidbench.data.cache import cache_folder
from reidbench.deployment.network import clips_of
from reidbench.estimates import estimate
from reidbench.experiments.end_to_end import STAGES, deploy, timed_stages, tracklet_on_disk
from reidbench.files import sweep_tree
from reidbench.measurements import deployment
from reidbench.profiling.session import Subject
from reidbench.spec import Cell, Outcome, Record, UserError

SHAPE = [1, 8, 3, 32, 16]
SMALL: dict[str, Any] = {"size": [32, 16], "depth": 18, "width": 8}
SETTINGS: dict[str, Any] = {
    "shape": SHAPE,
    "device": "cpu",
    "precision": "fp32",
    "threads": 1,
    "backend": "eager",
    "tracklet": 11,
    "gallery": 300,
    "queries": 20,
    "reference": {"model": "baseline", "options": SMALL, "shape": SHAPE},
}


ROWS: dict[str, dict[str, Any]] = {"big": {}, "small": {"shrink": [2]}}


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(deployment, "END_TO_END_ROUNDS", 3)


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture
def networks(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache for tests that take the same network from a file, which takes seconds to make."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(shared_cache))
    written_here.install(monkeypatch)


def cell(row: str, measurement: str, **options: Any) -> Cell:
    return Cell(row, measurement, "baseline", {**SMALL, **options}, SETTINGS, "source")


def measured(cells: Sequence[Cell]) -> dict[str, Outcome]:
    function = registry.measurements()[cells[0].measurement].function
    return {found.row: outcome for found, outcome in function(cells, lambda *_: None)}


def record(outcome: Outcome) -> Record:
    return Record({}, "key", "row", "ok", machine="m", versions={}, started="", seconds=0.0, **asdict(outcome))


@pytest.mark.parametrize("name", ["end_to_end", "scoring"])
def test_every_quantity_follows_from_the_record(name: str) -> None:
    for outcome in measured([cell(row, name, **own) for row, own in ROWS.items()]).values():
        for field, quantity in registry.measurements()[name].quantities.items():
            found = estimate(quantity, field, [record(outcome)])
            assert found is not None and found.value >= 0


def test_the_whole_is_the_sum_of_its_stages_and_the_reference_its_own_ratio() -> None:
    found = measured([cell(row, "end_to_end", **own) for row, own in ROWS.items()])
    for outcome in found.values():
        samples = outcome.samples
        assert {len(samples[name]) for name in (*STAGES, "total", "outside", "reference")} == {3}
        for index, total in enumerate(samples["total"]):
            assert total == pytest.approx(sum(samples[stage][index] for stage in STAGES))
            assert samples["outside"][index] == pytest.approx(total - samples["network"][index])
        assert samples["reference"] == found["big"].samples["total"]
        assert outcome.context["peers"] == ["big", "small"] and outcome.context["bytes_a_frame"] > 100
        assert outcome.context["decoder"] in ("simplejpeg", "Pillow")


def test_a_tracklet_goes_through_the_backend_of_its_column(networks: None) -> None:
    """And comes out as eager torch gives it."""
    settings = {**SETTINGS, "backend": "onnxruntime", "precision": "fp32", "tracklet": 8}
    (outcome,) = measured([replace(cell("big", "end_to_end"), settings=settings)]).values()
    assert len(outcome.samples["total"]) == 3
    clips = clips_of((3, *SHAPE[1:]))
    eager, deployed = (
        Subject.of("baseline", SMALL, {**settings, "backend": name}).deploy(SHAPE) for name in ("eager", "onnxruntime")
    )
    with torch.inference_mode():
        wanted, found = (model.neck(model(clips).feature) for model in (eager, deployed))
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def test_a_long_tracklet_goes_through_a_backend_in_equal_parts(networks: None) -> None:
    """37 clips have no other divisor; 40 have 20, and eager torch takes 32 of them first."""
    for backend, tracklet, parts in (("onnxruntime", 8 * 37, 1), ("onnxruntime", 8 * 40, 20), ("eager", 8 * 40, 32)):
        settings = {**SETTINGS, "backend": backend, "tracklet": tracklet}
        subject = Subject.of("baseline", SMALL, settings)
        deployed = deploy(subject, tracklet_on_disk(tracklet, (32, 16), 1), tuple(SHAPE), gallery=5)
        assert deployed.at_once == parts
        assert set(timed_stages(deployed)) == set(STAGES)


def test_a_row_that_cannot_be_built_costs_only_itself() -> None:
    cells = [cell("broken", "end_to_end", depth=1), cell("big", "end_to_end")]
    (good, outcome), (bad, error) = registry.measurements()["end_to_end"].function(cells, lambda *_: None)
    assert (good.row, bad.row) == ("big", "broken")
    assert isinstance(outcome, Outcome) and isinstance(error, UserError)


def test_scoring_leaves_no_file_behind() -> None:
    outcome = measured([cell("small", "scoring")])["small"]
    assert outcome.context["dimension"] == 64 and outcome.context["gallery"] == 300
    assert not [path for path in cache_folder().rglob("*") if path.is_file()]


def test_the_gallery_of_a_killed_scoring_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a million entries it takes gigabytes."""

    def die(file: Path, **_: object) -> None:
        file.write_bytes(b"vectors")
        raise KeyboardInterrupt

    monkeypatch.setattr("reidbench.experiments.scale.time_scoring", die)
    with pytest.raises(KeyboardInterrupt):
        measured([cell("small", "scoring")])
    (left,) = (path for path in cache_folder().rglob("*") if path.is_file())
    sweep_tree(cache_folder())
    assert left.exists(), "another process may be at it"
    os.utime(left, (0, 0))
    sweep_tree(cache_folder())
    assert not left.exists()


def test_a_disk_without_room_is_said_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reidbench.retrieval.random_features.leaves_room", lambda *_: False)
    with pytest.raises(UserError, match=r"300 vectors of 64 take 0\.0 GB, and a tenth of the disk is to stay free"):
        measured([cell("small", "scoring")])
    assert not [path for path in cache_folder().rglob("*") if path.is_file()]
