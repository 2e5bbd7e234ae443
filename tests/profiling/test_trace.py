"""Traces: what lies in the file, and what is told of it."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

from reidbench.profiling.trace import RECORDED, Trace, trace_inference
from reidbench.spec import UserError

SHAPE = (1, 2, 3, 16, 8)


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())

    def forward(self, clips: Tensor) -> Tensor:
        return self.trunk(clips.flatten(0, 1)).mean((1, 2, 3))


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return trace_inference(Small(), tmp_path_factory.mktemp("traces") / "run", worker="small", shape=SHAPE)


def test_the_file_lies_where_the_plugin_looks_for_it(trace: Trace) -> None:
    """A folder a run, in it `worker.time.pt.trace.json.gz`."""
    assert re.fullmatch(r"small\.\d+\.pt\.trace\.json\.gz", trace.file.name)
    assert list(trace.file.parent.iterdir()) == [trace.file]


def test_the_trace_has_the_passes_the_modules_and_the_memory(trace: Trace) -> None:
    content: dict[str, Any] = json.loads(gzip.decompress(trace.file.read_bytes()))
    events = content["traceEvents"]
    names = [event["name"] for event in events if event.get("cat") == "user_annotation"]
    steps = sorted(name for name in names if name.startswith("ProfilerStep"))
    assert len(steps) == RECORDED == trace.passes
    for module in ("model", "trunk", "trunk.0", "trunk.1"):
        assert names.count(module) == RECORDED, module
    assert any(event["name"] == "[memory]" for event in events)


def test_operators_are_per_pass_and_share_all_of_the_time(trace: Trace) -> None:
    by_name = {operator.name: operator for operator in trace.operators}
    assert by_name["aten::conv2d"].calls == by_name["aten::relu"].calls == 1
    assert sum(operator.share for operator in trace.operators) == pytest.approx(1)
    assert not any(name.startswith(("trunk", "model", "ProfilerStep", "[")) for name in by_name)
    seconds = [operator.seconds for operator in trace.operators]
    assert seconds == sorted(seconds, reverse=True) and seconds[-1] > 0


def test_the_plugin_of_tensorboard_reads_it(trace: Trace, tmp_path: Path) -> None:
    data = pytest.importorskip("torch_tb_profiler.profiler.data", reason="torch-tb-profiler is not installed")
    generator = pytest.importorskip("torch_tb_profiler.profiler.run_generator")
    found = data.RunProfileData.parse("small", 1, str(trace.file), str(tmp_path))
    found.process()
    profile = generator.RunGenerator("small", 1, found).generate_run_profile()
    assert len(found.steps_names) == RECORDED
    assert {view.display_name for view in profile.views} >= {"Overview", "Operator", "Trace", "Memory"}


def test_refuses_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        trace_inference(Small(), tmp_path / "file" / "run", worker="small", shape=SHAPE)
