"""The table of backends: what is asked of it is checked, and what is not installed is said."""

from __future__ import annotations

import pytest

from reidbench.deployment import backends
from reidbench.deployment.backends import BACKENDS, check_backend, missing, packages_of, ran_on
from reidbench.deployment.files import FORMATS
from reidbench.deployment.runtimes import IN_TORCH
from reidbench.spec import UserError


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_can_be_started(name: str) -> None:
    """From a file of a format that there is, or from the torch model."""
    found = BACKENDS[name]
    assert (found.format in FORMATS) != (name in IN_TORCH)
    if found.format:
        assert set(FORMATS[found.format].packages) <= set(found.packages)


@pytest.mark.parametrize(
    ("name", "device", "precision", "said"),
    [
        ("openvno", "cpu", "fp32", "did you mean 'openvino'"),
        ("onnxruntime", "cuda", "fp32", "runs on cpu, not on cuda"),
        ("onnxruntime", "cpu", "int8", "computes in fp32, not in 'int8'"),
        ("cudagraph", "cpu", "fp32", "runs on cuda, not on cpu"),
    ],
)
def test_what_cannot_be_is_refused(name: str, device: str, precision: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_backend(name, device, precision)


def test_what_is_not_installed_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "is_installed", lambda package: package != "nncf")
    assert missing(("openvino", "nncf"), "openvino") == "nncf not installed: pip install -e '.[openvino]'"
    assert missing(("openvino",), "openvino") == ""


@pytest.mark.parametrize(("version", "enough"), [("2.6.0+cu124", False), ("2.8.0", True), ("2.13.0+cpu", True)])
def test_onnx_needs_a_torch_that_its_exporter_knows(version: str, enough: bool, monkeypatch) -> None:
    monkeypatch.setattr(backends, "version", lambda package: version)
    monkeypatch.setattr(backends, "is_installed", lambda package: True)
    lacking = "torch 2.8 or newer not installed: pip install -e '.[onnxruntime]'"
    assert missing(BACKENDS["onnxruntime"].packages, "onnxruntime") == ("" if enough else lacking)
    assert missing((), "") == ""


def test_the_packages_of_a_measurement_are_its_backends() -> None:
    assert set(packages_of({"backend": "openvino"})) == {"openvino", "nncf", "onnx", "onnxscript"}
    assert packages_of({"backend": "eager"}) == packages_of({}) == ()


def test_eager_goes_unsaid() -> None:
    assert ran_on({"device": "cpu", "precision": "bf16", "backend": "eager"}) == ["cpu", "bf16"]
    assert ran_on({"device": "cpu", "precision": "fp32", "backend": "openvino"}) == ["cpu", "fp32", "openvino"]
    assert ran_on({"shape": [1]}) == []


def test_threads_are_said_last_where_a_number_is_given() -> None:
    settings = {"device": "cpu", "precision": "int8", "backend": "openvino", "threads": 8}
    assert ran_on(settings, 1) == ["cpu", "int8", "openvino", "1 thread"]
    assert ran_on({**settings, "backend": "eager"}, 2) == ["cpu", "int8", "2 threads"]
    assert ran_on(settings) == ["cpu", "int8", "openvino"]
