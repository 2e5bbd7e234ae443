"""Versions against the ranges of pyproject.toml, extras, the compiler, and torch asked in a process of its own."""

from __future__ import annotations

import subprocess
import tomllib
from email.message import Message
from pathlib import Path

import pytest

import reidbench
from reidbench.doctor import installation
from reidbench.doctor.installation import Declared

PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Packages that are installed, by name; to be filled."""
    found: dict[str, str] = {}
    monkeypatch.setattr(installation, "installed", lambda name: found.get(name, ""))
    return found


def test_what_is_needed_is_what_pyproject_says() -> None:
    needs = installation.declared()
    assert needs.python == PROJECT["requires-python"]
    assert list(needs.required) == PROJECT["dependencies"] and set(needs.extras) == set(
        PROJECT["optional-dependencies"]
    )


def test_an_installed_package_says_the_same_by_its_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = Message()
    about["Requires-Python"] = ">=3.11"
    lines = ["numpy>=1.26", "torch<2.14,>=2.6", 'typst>=0.15; extra == "pdf"', "pyarrow>=15; extra == 'parquet'"]
    monkeypatch.setattr(installation, "__file__", str(tmp_path / "reidbench" / "doctor" / "installation.py"))
    monkeypatch.setattr(installation.metadata, "metadata", lambda _: about)
    monkeypatch.setattr(installation.metadata, "requires", lambda _: lines)
    assert installation.declared() == Declared(
        ">=3.11", ("numpy>=1.26", "torch<2.14,>=2.6"), {"pdf": ("typst>=0.15",), "parquet": ("pyarrow>=15",)}
    )


@pytest.mark.parametrize(
    ("requirement", "name", "wanted"),
    [
        ("torch>=2.6,<2.14", "torch", ">=2.6,<2.14"),
        ("torch-tb-profiler >= 0.4.3", "torch-tb-profiler", ">= 0.4.3"),
        ("scipy[fast]==1.11; python_version > '3'", "scipy", "==1.11"),
        ("pandas (>=2.1)", "pandas", ">=2.1"),
        ("numpy", "numpy", ""),
    ],
)
def test_a_requirement_has_a_name_and_a_range(requirement: str, name: str, wanted: str) -> None:
    assert installation.split(requirement) == (name, wanted)


def test_a_build_of_a_version_is_that_version() -> None:
    assert installation.fits("2.13.0+cpu", ">=2.6,<2.14") and installation.fits("0.1.5.post2", ">=0.1.5")
    assert not installation.fits("2.14.0", ">=2.6,<2.14")


def test_packages_that_are_missing_or_out_of_range_are_named_with_what_to_install(versions: dict[str, str]) -> None:
    versions |= {"numpy": "2.0", "torch": "2.14.1"}
    needs = Declared("", ("numpy>=1.26", "torch>=2.6,<2.14", "scipy>=1.11"))
    sound, torch, scipy = installation.required(needs)
    assert sound.mark == "ok" and sound.text == "1 of 3 are there in their ranges: numpy 2.0"
    assert torch.mark == scipy.mark == "wrong"
    assert torch.text == "2.14.1 is outside >=2.6,<2.14: pip install 'torch>=2.6,<2.14'"
    assert scipy.text == "not installed: pip install 'scipy>=1.11'"


def test_extras_are_told_with_how_to_have_them_and_the_developers_are_not(versions: dict[str, str]) -> None:
    versions |= {"typst": "0.16", "pyarrow": "1.0"}
    needs = Declared("", (), {"pdf": ("typst>=0.15",), "parquet": ("pyarrow>=15",), "a": ("b",), "test": ("pytest",)})
    found = {finding.subject: finding for finding in installation.extras(needs)}
    assert {name: finding.mark for name, finding in found.items()} == {"typst": "ok", "pyarrow": "wrong", "b": "note"}
    assert found["b"].text == "not installed: pip install -e '.[a]'"
    assert found["pyarrow"].text.endswith("pip install -e '.[parquet]'")


def test_an_old_python_is_wrong() -> None:
    assert installation.python(Declared(">=3.11", ())).mark == "ok"
    assert installation.python(Declared(">=99", ())).mark == "wrong"


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    found = installation.compiler()
    assert found.mark == "note" and "missing: no-such-compiler" in found.text and "torch.compile" in found.text


@pytest.mark.parametrize(
    ("cuda", "devices", "gpu", "mark", "part"),
    [
        (None, [], "", "ok", "no CUDA GPU on this machine"),
        ("12.8", ["H100"], "H100", "ok", "CUDA 12.8 on H100"),
        (None, [], "H100", "note", "a build for CPUs, though there is a H100"),
        ("12.8", [], "H100", "wrong", "does not see the H100: update the driver"),
    ],
)
def test_what_torch_sees_is_held_against_the_driver(
    cuda: str | None, devices: list[str], gpu: str, mark: str, part: str
) -> None:
    found = installation.about_torch({"version": "2", "cuda": cuda, "devices": devices, "threads": 2}, gpu)
    assert found.mark == mark and part in found.text


@pytest.mark.parametrize(("version", "noted"), [("2.6.0+cu124", True), ("2.9.1", True), ("2.10.0", False), ("", False)])
def test_a_torch_that_reads_weights_unsafely_is_noted(version: str, noted: bool) -> None:
    found = list(installation.reader_of_weights(version))
    assert [finding.mark for finding in found] == ["note"] * noted
    assert not noted or found[0].text.startswith(f"torch {version} can be made to corrupt memory")


def test_an_old_reader_is_among_the_findings(versions: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "torch_itself", lambda: installation.Finding("torch", "imports"))
    versions |= {"torch": "2.6.0"}
    assert "weights" in [finding.subject for finding in installation.examine()]
    versions |= {"torch": "2.13.0"}
    assert "weights" not in [finding.subject for finding in installation.examine()]


def test_torch_is_asked_in_a_process_of_its_own() -> None:
    found = installation.torch_itself()
    assert found.mark == "ok" and found.facts["threads"] >= 1


def test_a_torch_that_cannot_be_imported_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "ASK_TORCH", "raise ImportError('libcudart.so.13: no such file')")
    found = installation.torch_itself()
    assert found.mark == "wrong" and "libcudart.so.13" in found.text
    monkeypatch.setattr(installation, "ASK_TORCH", "import os; os.abort()")
    assert "exit code -6" in installation.torch_itself().text
    monkeypatch.setattr(installation, "SECONDS_TO_IMPORT", 0.1)
    monkeypatch.setattr(installation, "ASK_TORCH", "import time; time.sleep(30)")
    assert "not imported after" in installation.torch_itself().text
    monkeypatch.setattr(installation, "installed", lambda _: "")
    monkeypatch.setattr(subprocess, "run", None)
    assert installation.torch_itself().text.startswith("not installed")


def test_what_runs_is_named_first_with_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "torch_itself", lambda: installation.Finding("torch", "imports"))
    folder = Path(reidbench.__file__).parent
    first = installation.examine()[0]
    assert (first.subject, first.text) == ("reidbench", f"{reidbench.__version__} in {folder}")
    assert first.facts == {"version": reidbench.__version__, "folder": str(folder)}
