"""Networks with random weights as files, made once in another process."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import written_here

from reidbench import registry
from reidbench.deployment import files, runtimes
from reidbench.deployment.agreement import compare
from reidbench.deployment.files import files_of
from reidbench.deployment.network import Network, clips_of
from reidbench.profiling import artifact as module
from reidbench.profiling import session
from reidbench.profiling.artifact import artifact
from reidbench.profiling.memory import peak_memory
from reidbench.spec import UserError

OPTIONS = {"size": (32, 16), "depth": 18, "width": 8}
SHAPE = [1, 2, 3, 32, 16]

REFUSED = '''
"""A model whose way depends on what it sees."""

from torch import Tensor, nn

from reidbench.registry import model
from reidbench.spec import Output


@model()
def fickle(*, classes: int = 0, size: tuple[int, int] = (256, 128)) -> nn.Module:
    """Not exportable."""
    return Fickle()


class Fickle(nn.Module):
    def forward(self, clips: Tensor) -> Output:
        return Output(clips.flatten(1) if clips.sum().item() > 0 else clips.flatten(1).flip(1))
'''


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))


def test_a_file_is_made_once_and_holds_the_weights_that_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    file = artifact("baseline", OPTIONS, SHAPE, "pt2", "fp32")
    model = Network(session.build("baseline", OPTIONS))
    assert compare(model, runtimes.load(file, "pt2"), SHAPE).cosine_error < 1e-10
    monkeypatch.setattr("reidbench.profiling.artifact._make", lambda *_: pytest.fail("made again"))
    assert artifact("baseline", OPTIONS, SHAPE, "pt2", "fp32") == file


def write(folder: Path, name: str, job: Mapping[str, Any]) -> None:
    """What is done instead of making a file, which takes seconds."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(parents=True)
    for part in files_of(folder / name):
        part.write_text("made")


def test_a_file_that_lost_a_part_or_was_written_otherwise_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_make", write)
    graph, weights = files_of(artifact("baseline", OPTIONS, SHAPE, "openvino", "fp32"))
    weights.unlink()
    assert artifact("baseline", OPTIONS, SHAPE, "openvino", "fp32") == graph and weights.read_text() == "made"
    names = {graph.parent}
    for where, name, value in ((files, "OPSET", 18), (module, "WRITER", 0)):
        monkeypatch.setattr(where, name, value)
        names.add(artifact("baseline", OPTIONS, SHAPE, "openvino", "fp32").parent)
    assert len(names) == 3


def test_what_is_left_of_a_file_is_in_no_ones_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "_make", write)
        file = artifact("baseline", OPTIONS, SHAPE, "pt2", "fp32")
    file.rename(file.with_name("other"))
    written_here.install(monkeypatch)
    assert artifact("baseline", OPTIONS, SHAPE, "pt2", "fp32").is_file()


def test_a_model_that_cannot_be_exported_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = tmp_path / "fickle.py"
    plugin.write_text(REFUSED)
    monkeypatch.setattr(registry, "_plugins", [])
    registry.add_plugin(plugin)
    with pytest.raises(UserError, match="cannot be exported as pt2") as caught:
        artifact("fickle", {}, SHAPE, "pt2", "fp32")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache" / "networks").glob("*fickle*/*"))
    registry.forget_found()


@pytest.mark.parametrize(("int8", "made"), [(False, 1), (True, module.CALIBRATION_BATCHES)])
def test_clips_are_made_to_calibrate_only_where_that_is_done(
    int8: bool, made: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a large batch each of these takes hundreds of megabytes."""
    seeds, given = [], []
    monkeypatch.setattr(module, "clips_of", lambda shape, seed: seeds.append(seed) or clips_of(shape, seed))
    monkeypatch.setattr(
        files, "write", lambda network, clips, *_, calibration: given.extend([clips, *(calibration or ())])
    )
    job = {"model": "baseline", "options": OPTIONS, "shape": SHAPE, "format": "openvino", "int8": int8, "path": "n.xml"}
    module._write(job)
    assert seeds == list(range(made)) and len(given) == 1 + (made if int8 else 0)
    assert given[0].equal(clips_of(SHAPE, 0))


def test_a_row_that_cannot_be_exported_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(model: str, options: object, shape: list[int], *_: str) -> Path:
        raise UserError("cannot be exported")

    monkeypatch.setattr(session, "artifact", refuse)
    settings = {"device": "cpu", "precision": "fp32"}
    found = {
        "good": session.Subject.of("baseline", OPTIONS, settings),
        "bad": session.Subject.of("baseline", OPTIONS, {**settings, "backend": "onnxruntime"}),
    }
    runs, failures = session.start_all(found, dict.fromkeys(found, SHAPE), "cpu")
    assert list(runs) == ["good"] and {name: str(why) for name, why in failures.items()} == {
        "bad": "cannot be exported"
    }


def test_a_backend_is_refused_before_anything_is_built() -> None:
    settings = {"device": "cpu", "precision": "int8", "backend": "onnxruntime"}
    with pytest.raises(UserError, match="computes in fp32"):
        session.Subject.of("baseline", OPTIONS, settings)


def test_a_subject_starts_from_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    written_here.install(monkeypatch)
    subject = session.Subject.of("baseline", OPTIONS, {"device": "cpu", "precision": "fp32", "backend": "openvino"})
    run = subject.start(SHAPE)
    assert run().shape == (1, 64)
    assert peak_memory(lambda: run).peak > 0
