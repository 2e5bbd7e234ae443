"""Files of networks for backends, written by the process of the tests: another one first imports torch for seconds."""

from __future__ import annotations

import json
from subprocess import CompletedProcess
from types import SimpleNamespace

import pytest

from reidbench.profiling import artifact


def install(patch: pytest.MonkeyPatch) -> None:
    """Stands in for the process that `artifact` starts; that it is started is held by tests/profiling/test_artifact."""

    def write(command: list[str], *, input: str, **_: object) -> CompletedProcess[str]:
        artifact._write(json.loads(input))
        return CompletedProcess(command, 0, "", "")

    patch.setattr(artifact, "subprocess", SimpleNamespace(run=write))
