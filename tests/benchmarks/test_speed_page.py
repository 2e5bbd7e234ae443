"""The page that benchmarks write at their end, ten minutes after their start."""

from __future__ import annotations

import pytest
import speed_page
from speed_page import TOLD

from reidbench import machine


@pytest.mark.parametrize("on_gpu", [False, True])
def test_a_page_has_what_was_told_where_and_by_which_command(on_gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOLD, "Steps", [{"network": "Base-B", "times_as_fast": "1.40"}, {"network": "BiCnet-TKS"}])
    monkeypatch.setattr(machine, "gpu_facts", lambda device: {"cuda": "13.0", "gpu_uuid": "7"})
    page = speed_page.speed_page("docs/here.md", on_gpu=on_gpu)
    assert page.endswith(
        "## Steps\n\n| network | times as fast |\n| --- | ---: |\n| Base-B | 1.40 |\n| BiCnet-TKS |  |\n"
    )
    assert "REIDBENCH_SPEED_PAGE=docs/here.md pytest --benchmark-only" in page
    assert f"on {machine.name()} (" in page and ("cuda 13.0" in page) == on_gpu and "gpu_uuid" not in page
    assert ("openvino" in page) == (not on_gpu and bool(machine.versions(["openvino"])["openvino"]))
