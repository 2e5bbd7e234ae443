"""What is lost by a backend, on a few walkers and an untrained model: whether it is counted, not how much it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reidbench import registry
from reidbench.data import synthetic
from reidbench.inspection import fidelity
from reidbench.inspection.fidelity import check_fidelity, cosine_errors, look_at_fidelity, training_clips
from reidbench.recipes import Recipe
from reidbench.spec import Cell, Protocol, UserError

SIZE = (32, 16)


def cell(**settings: Any) -> Cell:
    recipe = {"size": list(SIZE), "frames": 4}
    common = {"recipe": recipe, "protocol": Protocol().identity, "device": "cpu", "threads": 1}
    return Cell("row", "fidelity", "baseline", {}, {**common, **settings}, "source")


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    synthetic.write_synthetic(tmp_path / "few", train_ids=3, test_ids=4, cameras=2, frames=8)
    return registry.datasets()["synthetic"].load()(root=str(tmp_path / "few"))


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return registry.build("baseline", size=SIZE, depth=18, width=8).eval()


def test_the_angle_is_exact_where_it_is_small() -> None:
    angle = 1e-7
    first, second = np.array([[1.0, 0.0]]), np.array([[np.cos(angle), np.sin(angle)]]) * 3
    assert cosine_errors(first, second) == pytest.approx([angle**2 / 2], rel=1e-6)
    assert cosine_errors(first, -first) == pytest.approx([2.0])


@pytest.mark.parametrize(("backend", "precision"), [("eager", "fp32"), ("eager", "bf16"), ("openvino", "int8")])
def test_what_is_lost_is_paired_by_query(dataset: Any, model: nn.Module, backend: str, precision: str) -> None:
    outcome = look_at_fidelity(model, dataset, cell(backend=backend, precision=precision), lambda *_: None)
    samples = outcome.samples
    assert len(samples["lost"]) == len(samples["ap"]) == len(samples["cosine_error"]) == len(samples["identity"])
    assert outcome.values["worst"] >= max(samples["cosine_error"])
    exact = precision == "fp32"
    assert (max(samples["cosine_error"]) < 1e-10) == exact
    if exact:
        assert not any(samples["lost"])


def test_it_is_float32_that_a_backend_is_compared_with_whatever_was_trained_in(dataset: Any, model: nn.Module) -> None:
    asked = cell(backend="eager", precision="bf16")
    reduced = cell(**{**asked.settings, "recipe": {**asked.settings["recipe"], "precision": "bf16"}})
    plain, other = (look_at_fidelity(model, dataset, one, lambda *_: None).samples for one in (asked, reduced))
    assert other == plain and max(plain["cosine_error"]) > 1e-10


def test_a_backend_that_returns_rubbish_loses_much(
    dataset: Any, model: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "_started", lambda *_: lambda clips: torch.ones(len(clips), 64))
    outcome = look_at_fidelity(model, dataset, cell(backend="eager", precision="fp32"), lambda *_: None)
    assert sum(outcome.samples["lost"]) > 0


def test_calibration_clips_are_those_of_evenly_spaced_training_tracklets(dataset: Any) -> None:
    recipe = Recipe(size=SIZE, frames=4)
    every = training_clips(dataset, recipe, 10_000)
    assert every.shape == (len(dataset.train), 4, 3, *SIZE) and every.is_contiguous()
    torch.testing.assert_close(training_clips(dataset, recipe, 2), every[[0, len(every) // 2]])


def test_an_impossible_backend_is_refused_before_training() -> None:
    with pytest.raises(UserError, match="computes in fp32"):
        check_fidelity(cell(backend="onnxruntime", precision="int8"))


@pytest.mark.parametrize("given", [{"backend": "openvino"}, {"precision": "int8"}])
def test_a_column_without_backend_or_precision_is_refused_before_training(given: dict[str, str]) -> None:
    lacking = "precision" if "backend" in given else "backend"
    with pytest.raises(UserError, match=f"the column's settings lack {lacking}"):
        check_fidelity(cell(**given))
