"""Networks written to files and run from there compute what the model computes."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import openvino
import pytest
import torch
from exportable import SHAPE, clips, tiny_model
from torch import Tensor, nn
from torch._dynamo.utils import counters

from reidbench.deployment import files, runtimes
from reidbench.deployment.agreement import compare
from reidbench.deployment.backends import not_in
from reidbench.deployment.network import Network
from reidbench.spec import UserError

ROUNDING = 1e-10
"""Float32's, as one minus a cosine: its square."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny model with its neck in every format, each in a folder of its own."""
    paths = {name: tmp_path_factory.mktemp(name) / f"network{found.suffix}" for name, found in files.FORMATS.items()}
    for name, path in paths.items():
        found = files.write(Network(tiny_model(), neck=True), clips(), path, name)
        assert sorted(found) == sorted(path.parent.iterdir()) and found[0] == path
    return paths


@pytest.mark.parametrize("name", files.FORMATS)
def test_a_file_computes_what_the_model_does(name: str, written: dict[str, Path]) -> None:
    network = Network(tiny_model(), neck=True)
    weights = sum(parameter.nbytes for parameter in network.parameters())
    assert 0.9 * weights < files.size_of(written[name]) < 2 * weights
    found = compare(network, runtimes.load(written[name], name), SHAPE)
    assert 0 < found.relative_error < 1e-4
    assert found.cosine_error < ROUNDING


class Counting(nn.Module):
    """As models do it: frames side by side, brought together again by the number of clips."""

    def __init__(self) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(3, 4, 3)

    def forward(self, given: Tensor) -> Tensor:
        frames = self.convolve(given.flatten(0, 1)).relu().mean((2, 3))
        return frames.unflatten(0, (len(given), -1)).amax(1)


SAID = json.dumps({"model": 'the "tiny" one', "seed": 3})


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, dict[str, Path]]:
    """One in every format, with what is said of it, and for any number of clips where the format can hold that."""
    network, folder = Counting(), tmp_path_factory.mktemp("counting")
    paths = {name: folder / f"network{found.suffix}" for name, found in files.FORMATS.items()}
    for name, path in paths.items():
        any_batch = files.FORMATS[name].any_batch
        files.write(network, torch.randn(1, 3, 3, 8, 8), path, name, any_batch=any_batch, note=SAID)
    return network, paths


@pytest.mark.parametrize("name", [name for name, found in files.FORMATS.items() if found.any_batch])
def test_a_file_for_any_number_of_clips_takes_them_as_they_come(
    name: str, counting: tuple[nn.Module, dict[str, Path]]
) -> None:
    network, paths = counting
    infer = runtimes.load(paths[name], name)
    for number in (1, 2, 5):
        given = torch.randn(number, 3, 3, 8, 8)
        torch.testing.assert_close(infer(given), network(given).detach(), rtol=1e-4, atol=1e-5)


def test_every_file_holds_what_is_said_of_it(counting: tuple[nn.Module, dict[str, Path]]) -> None:
    _, paths = counting
    held = {"onnx": onnx.load(paths["onnx"]).metadata_props[0].value}
    held["openvino"] = openvino.Core().read_model(paths["openvino"]).get_rt_info(["framework", "reidbench"]).value
    script, program = {"reidbench": ""}, {"reidbench": ""}
    with files.quiet():
        torch.jit.load(paths["torchscript"], _extra_files=script)
        torch.export.load(paths["pt2"], extra_files=program)
    held |= {"torchscript": script["reidbench"].decode(), "pt2": program["reidbench"]}
    assert held == dict.fromkeys(files.FORMATS, SAID)


def test_int8_without_clips_to_calibrate_with_is_not_written_as_float32(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"n\.xml: int8 is calibrated with clips, and there are none"):
        files.write(Counting(), torch.randn(1, 3, 3, 8, 8), tmp_path / "n.xml", "openvino", calibration=())
    assert not list(tmp_path.iterdir())


def test_bf16_is_what_openvino_then_computes_in(written: dict[str, Path]) -> None:
    if reason := not_in("openvino", "bf16"):
        pytest.skip(reason)
    infer = runtimes.load(written["openvino"], "openvino", precision="bf16")
    assert ROUNDING < compare(Network(tiny_model(), neck=True), infer, SHAPE).cosine_error < 1e-2


def test_a_processor_without_bf16_is_said_to_be_one_before_openvino_takes_float32(
    written: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino.Core, "get_property", lambda *_: ["FP32", "INT8"])
    not_in.cache_clear()
    try:
        with pytest.raises(UserError, match="backend openvino in bf16: this CPU has no bf16"):
            runtimes.load(written["openvino"], "openvino", precision="bf16")
        assert not not_in("openvino", "fp32")
    finally:
        not_in.cache_clear()


def test_what_openvino_says_of_the_processor_is_what_it_computes_in(written: dict[str, Path]) -> None:
    compiled = openvino.Core().compile_model(written["openvino"], "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    computes = compiled.get_property("INFERENCE_PRECISION_HINT")
    assert (computes == openvino.Type.bf16) is (not_in("openvino", "bf16") == "")


@pytest.mark.parametrize("threads", [1, 2])
def test_runtimes_are_given_as_many_threads_as_torch_has(
    threads: int, written: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, compile_model, given = onnxruntime.InferenceSession, openvino.Core.compile_model, list[Any]()

    def spied_session(path: Path, options: Any, **named: Any) -> Any:
        given.append(options.intra_op_num_threads)
        return session(path, options, **named)

    def spied_compile(core: Any, path: Path, device: str, settings: Any) -> Any:
        given.append(settings["INFERENCE_NUM_THREADS"])
        return compile_model(core, path, device, settings)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spied_session)
    monkeypatch.setattr(openvino.Core, "compile_model", spied_compile)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for name in ("onnx", "openvino"):
            runtimes.load(written[name], name)
    finally:
        torch.set_num_threads(before)
    assert given == [threads, threads]


@pytest.mark.parametrize(("precision", "hint"), [("fp32", "f32"), ("bf16", "bf16"), ("int8", "f32")])
def test_openvino_is_told_the_precision_for_it_would_choose_one(
    precision: str, hint: str, written: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_model, told = openvino.Core.compile_model, list[str]()

    def spied(core: Any, path: Path, device: str, settings: Any) -> Any:
        told.append(settings["INFERENCE_PRECISION_HINT"])
        return compile_model(core, path, device, settings)

    monkeypatch.setattr(openvino.Core, "compile_model", spied)
    monkeypatch.setattr(runtimes, "not_in", lambda *_: "")
    runtimes.load(written["openvino"], "openvino", precision=precision)
    assert told == [hint]


def test_bf16_in_torch_is_near_what_the_model_computes() -> None:
    infer = runtimes.in_torch(Network(tiny_model()), clips(), device="cpu", precision="bf16", backend="eager")
    assert ROUNDING < compare(Network(tiny_model()), infer, SHAPE).cosine_error < 1e-2


def test_what_is_compiled_computes_what_the_model_does() -> None:
    """A smaller network than the others, for a compiler takes its time."""
    network, given = Counting().eval(), torch.randn(1, 2, 3, 32, 16)
    counters.clear()
    infer = runtimes.in_torch(copy.deepcopy(network), given, device="cpu", precision="fp32", backend="compile")
    assert compare(network, infer, given.shape).cosine_error < ROUNDING
    graphs = counters["stats"]["unique_graphs"]
    assert graphs > 0, "not compiled"
    with torch.inference_mode():
        others = [given.clone(), given.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)]
        for other in others:
            torch.testing.assert_close(infer(other), network(given), rtol=1e-4, atol=1e-5)
    assert counters["stats"]["unique_graphs"] == graphs, "compiled anew"


def test_a_vector_that_is_no_number_does_not_pass_for_the_model() -> None:
    for wrong in (math.nan, math.inf):
        found = compare(Network(tiny_model()), lambda given, wrong=wrong: torch.full((len(given), 128), wrong), SHAPE)
        assert math.isnan(found.cosine_error)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_cuda_graph_follows_its_clips() -> None:
    infer = runtimes.in_torch(Network(tiny_model()), clips(), device="cuda", precision="fp32", backend="cudagraph")
    assert compare(Network(tiny_model()), infer, SHAPE).cosine_error < 1e-6


def test_vectors_that_lie_on_another_device_are_fetched() -> None:
    class OnGpu:
        """Takes part in no arithmetic here before it was fetched."""

        def __init__(self, vectors: Tensor) -> None:
            self.vectors = vectors

        def double(self) -> OnGpu:
            return OnGpu(self.vectors.double())

        def cpu(self) -> Tensor:
            return self.vectors

    network = Network(tiny_model())
    with torch.inference_mode():
        found = compare(network, lambda given: OnGpu(network(given)), SHAPE)  # type: ignore[arg-type,return-value]
    assert found.cosine_error < ROUNDING


def test_a_network_that_cannot_be_exported_is_named(tmp_path: Path) -> None:
    class Fickle(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            return given.flatten(1) if given.sum().item() > 0 else given.flatten(1).flip(1)

    path = tmp_path / "fickle.pt2"
    with pytest.raises(UserError, match=r"fickle\.pt2: cannot be exported as pt2") as caught:
        files.write(Fickle(), clips(), path, "pt2")
    assert "\n" not in str(caught.value)


def test_the_cause_is_told_and_not_the_exporters_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        try:
            raise ValueError("alpha is 2")
        except ValueError as error:
            raise RuntimeError("\x1b[96mstep 1/3\x1b[0m\nto be debugged so") from error

    monkeypatch.setitem(files.FORMATS, "pt2", replace(files.FORMATS["pt2"], write=refuse))
    with pytest.raises(UserError) as caught:
        files.write(nn.Identity(), clips(), tmp_path / "draft" / "a.pt2", "pt2")
    assert str(caught.value) == "a.pt2: cannot be exported as pt2 (ValueError: alpha is 2)"


def test_a_file_of_other_weights_does_not_pass_for_the_model(written: dict[str, Path]) -> None:
    other = tiny_model()
    with torch.no_grad():
        other.trunk.layer4[0].conv1.weight[0] += 0.5
    assert compare(Network(other, neck=True), runtimes.load(written["pt2"], "pt2"), SHAPE).cosine_error > 1e-6
