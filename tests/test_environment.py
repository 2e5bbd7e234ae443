"""Which variables of the environment a measurement does not heed, and which its record tells."""

import os
import subprocess
import sys

import pytest

from reidbench import environment, machine
from reidbench.discovery.importing import child_environment
from reidbench.doctor import host

ASK = """import json, os, sys
from reidbench.cli import main
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted(os.environ)))"""


@pytest.fixture(autouse=True)
def none_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*environment.OVERRULING, *environment.TOLD):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(environment, "_aside", [])


@pytest.mark.parametrize("name", environment.OVERRULING)
def test_no_process_of_ours_inherits_what_overrules_a_precision_or_a_backend(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    assert name not in child_environment() and child_environment()["OMP_PROC_BIND"] == "true"
    assert name in os.environ, "that of a program which uses this package is its own"


def test_the_program_itself_takes_them_out_before_torch_could_read_them() -> None:
    given = {**child_environment(), "NVIDIA_TF32_OVERRIDE": "0", "KMP_BLOCKTIME": "1"}
    command = [sys.executable, "-c", ASK, "--version"]
    left = subprocess.run(command, capture_output=True, text=True, env=given, check=True).stdout.splitlines()[-1]
    assert '"KMP_BLOCKTIME"' in left and "NVIDIA_TF32_OVERRIDE" not in left


def test_what_is_set_and_may_change_a_number_is_told_and_keeps_no_file_from_being_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = machine.versions()
    monkeypatch.setenv("CUDA_LAUNCH_BLOCKING", "1")
    monkeypatch.setenv("LD_PRELOAD", "")
    assert environment.told() == {"CUDA_LAUNCH_BLOCKING": "1"}
    assert machine.versions() == before, "of which the names of kept weights and exported networks are made"


def test_the_doctor_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (host.variables().mark, host.variables().text) == ("ok", "no variable is set that changes a number")
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    monkeypatch.setenv("OMP_PLACES", "cores")
    environment.put_aside()
    found = host.variables()
    assert found.mark == "note" and found.facts == {
        "told": {"OMP_PLACES": "cores"},
        "aside": ["ONEDNN_DEFAULT_FPMATH_MODE"],
    }
    assert found.text == (
        "OMP_PLACES=cores, which records tell; "
        "ONEDNN_DEFAULT_FPMATH_MODE is not heeded: a measurement's own settings say how it is computed"
    )
