"""`profile --layers` and `trace` from the command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from reidbench import cli
from reidbench.commands import asked, profiling
from reidbench.commands.asked import label_of
from reidbench.data.cache import cache_folder
from reidbench.files import alone
from reidbench.profiling import layers, peak, timeline, trace
from reidbench.spec import Suite

ROOT = Path(__file__).resolve().parents[2]
SLIM = ["--set", "width=8", "--set", "blocks=(1,1,1,1)", "--set", "size=(64,32)"]
SHAPE = (1, 8, 3, 64, 32)
TOO_FEW = "model bicnet_tks: a clip of 8 frames: with alpha=2 it must be a multiple of 3"


class Told(io.StringIO):
    """What is written to stderr, and that something was."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        length = super().write(text)
        self.written.set()
        return length


@pytest.fixture(autouse=True)
def small_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs are those of the paper's scale; here clips are small, rounds few, and the cache is empty."""
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    for function in (layers.measure_layers, timeline.memory_timeline, trace.trace_inference):
        monkeypatch.setitem(function.__kwdefaults__, "shape", SHAPE)
    monkeypatch.setattr(asked, "COST_SHAPE", SHAPE)
    monkeypatch.setitem(layers.measure_layers.__kwdefaults__, "rounds", 2)
    monkeypatch.setitem(peak.measure_peak.__kwdefaults__, "seconds", 0.01)
    monkeypatch.setitem(peak.measure_peak.__kwdefaults__, "sides", (128,))
    monkeypatch.setitem(peak.measure_peak.__kwdefaults__, "convolutions", ((1, 16, 16, 8, 3),))
    monkeypatch.setitem(peak.measure_peak.__kwdefaults__, "copied", 1 << 20)


def test_layers_are_printed_within_80_columns_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "new" / "layers.png"
    assert cli.main(["profile", "bicnet_tks", *SLIM, "--layers", "--out", str(picture)]) == 0
    told = capsys.readouterr().out
    lines = [line.rstrip() for line in told.splitlines() if not line.startswith("written")]
    assert all(len(line) <= 80 for line in lines)
    first = [line.split()[0] for line in lines if line.strip()]
    assert {"trunk", "layer1", "csp", "tks", "(itself)"} <= set(first) and "conv2" not in first
    words = " ".join(told.split())
    assert "measured peak" in words and "hooks add" in words and "live activations" in words
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_layers_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["profile", "baseline", *SLIM, "--layers", "--json", "--precision", "bf16"]) == 0
    said = capsys.readouterr()
    assert said.err == "", "where nobody is timing"
    found = json.loads(said.out)
    assert found["model"] == "baseline" and found["options"]["width"] == 8
    assert found["peak"]["precision"] == "bf16" and found["peak"]["flops"] > 0
    assert len(found["memory"]["live"]) == len(found["memory"]["seconds"]) > 10
    assert found["memory"]["peak"] == max(found["memory"]["live"])
    assert len(found["plain_seconds"]) == len(found["hooked_seconds"]) == 2
    part = next(part for part in found["parts"] if part["name"] == "trunk.layer1.0.conv1")
    assert part["parameters"] == 8 * 8 and part["moved"] > 0 and 0 < part["seconds"] < 10


def test_a_trace_of_inference_says_how_to_open_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "traces"
    command = ["trace", "baseline", *SLIM, "--out", str(out)]
    assert cli.main(command) == 0
    told = capsys.readouterr().out
    assert "aten::" in told and "https://ui.perfetto.dev" in told and f"tensorboard --logdir {out}" in told
    (run,) = out.iterdir()
    assert run.name.startswith("baseline-blocks-1-1-1-1-size-64-32-width-8-inference-cpu-fp32")
    assert cli.main([*command, "--json", "--precision", "bf16"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert Path(found["file"]).is_file() and found["passes"] == trace.RECORDED and found["operators"]
    assert {path.name[-4:] for path in out.iterdir()} == {"fp32", "bf16"}


def test_clips_have_the_length_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["profile", "baseline", *SLIM, "--layers", "--frames", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shape"] == [1, 3, *SHAPE[2:]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["profile", "baseline", "--frames", "0"], "--frames 0: give a whole number above 0"),
        (
            ["profile", "bicnet_tks", *SLIM, "--frames", "7"],
            "a clip of 7 frames: with alpha=3 it must be a multiple of 4",
        ),
        (["profile", "baseline", "--depth", "2"], "--depth: give it with --layers"),
        (["profile", "baseline", "--out", "a.png"], "--out: give it with --layers"),
        (["profile", "baseline", "--precision", "bf16"], "--precision: give it with --layers or --backend"),
        (["profile", "baseline", "--layers", "--backend", "eager"], "--backend: not with --layers"),
        (["profile", "baseline", "--backend", "openvno"], "did you mean 'openvino'?"),
        (["profile", "baseline", "--backend", "cudagraph"], "backend cudagraph runs on cuda, not on cpu"),
        (["profile", "baseline", "--backend", "compile", "openvino", "--precision", "int8"], "backend compile"),
        (["profile", "baseline", "--layers", "--depth", "-1"], "--depth -1: give 0 or more"),
        (["profile", "baseline", "--layers", "--out", "a.pdf"], "--out a.pdf: give a name that ends with .png or .svg"),
        (["profile", "baseline", "--layers", "--precision", "fp8"], "precision 'fp8' is unknown"),
        (["profile", "baseline", "--layers", "--device", "tpu"], "device 'tpu' is unknown"),
        (["profile", "bicnet_tks", *SLIM, "--set", "alpha=2", "--layers"], TOO_FEW),
        (["trace", "bicnet_tks", *SLIM, "--set", "alpha=2", "--out", "OUT"], TOO_FEW),
        (["profile", "bicnet_tks", *SLIM, "--set", "alpha=2"], TOO_FEW),
        (["profile", "bicnet_tks", "--set", "alpha=-1"], "model bicnet_tks: alpha=-1: each big frame has"),
        (["trace", "baseline"], "--out"),
        (["trace", "baselin", "--out", "OUT"], "did you mean 'baseline'?"),
        (
            ["trace", "baseline", "--out", "OUT", "--preset", "tiny"],
            "--preset: says how to train; give it with --train",
        ),
        (["trace", "baseline", "--out", "OUT", "--data", "rate=1"], "--data: says how to train; give it with --train"),
    ],
)
def test_mistakes_are_one_line(
    arguments: Sequence[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1


@pytest.mark.parametrize("command", [["profile", "baseline", "--layers"], ["trace", "baseline", "--out", "OUT"]])
def test_waits_for_what_another_times_and_says_so(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Says so while the lock is held, and ends once it is not."""
    monkeypatch.chdir(tmp_path)
    told, ended = Told(), []
    monkeypatch.setattr(sys, "stderr", told)
    waiter = threading.Thread(target=lambda: ended.append(cli.main([*command, *SLIM, "--json"])))
    with alone(cache_folder() / "timing"):
        waiter.start()
        assert told.written.wait(60)
        assert "waiting for another run" in told.getvalue() and not ended
    waiter.join(60)
    assert ended == [0] and told.getvalue().count("\n") == 1


def columns_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[str, list[str]]:
    """The name of the report of `profile`, and its columns with how each is measured."""
    made: list[dict[str, Suite]] = []
    monkeypatch.setattr(profiling, "run", lambda suites, *_, **__: made.append(suites) or 0)
    monkeypatch.setattr(profiling, "missing", lambda *_: "")
    monkeypatch.setattr(profiling, "not_in", lambda *_: "")
    assert cli.main(["profile", "baseline", *arguments]) == 0
    ((name, suite),) = made[0].items()
    usual = {"device": "cpu", "precision": "fp32", "backend": "eager"}
    return name, [" ".join([column.quantity, *{**usual, **column.settings}.values()]) for column in suite.columns]


@pytest.mark.parametrize(
    "where",
    [
        ["--backend", "eager"],
        ["--backend", "openvino", "eager", "openvino", "--precision", "bf16"],
        ["--device", "cuda", "--backend", "cudagraph", "eager", "fused"],
    ],
)
def test_backends_stand_beside_eager_torch_each_column_once(where: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    name, columns = columns_of(monkeypatch, *where)
    assert len(set(columns)) == len(columns)
    device = "cuda" if "cuda" in where else "cpu"
    names = {"openvino", "eager", "cudagraph", "fused"}.intersection(where)
    for quantity in profiling.OF_A_BACKEND:
        assert f"{quantity} {device} fp32 eager" in columns, "what it is held against"
        for backend in names:
            assert f"{quantity} {device} {'bf16' if 'bf16' in where else 'fp32'} {backend}" in columns
    assert name.count("openvino") <= 1
    assert columns_of(monkeypatch, *where, *([] if "bf16" in where else ["--precision", "fp32"])) == (name, columns)


def test_a_backend_that_is_not_installed_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(profiling, "missing", lambda *_: "openvino not installed: pip install x")
    assert cli.main(["profile", "baseline", "--backend", "openvino"]) == 2
    assert capsys.readouterr().err.endswith("--backend openvino: openvino not installed: pip install x\n")
    monkeypatch.setattr(profiling, "missing", lambda *_: "")
    monkeypatch.setattr(profiling, "not_in", lambda *_: "this CPU has no bf16")
    assert cli.main(["profile", "baseline", "--backend", "openvino", "--precision", "bf16"]) == 2
    assert capsys.readouterr().err.endswith("--backend openvino: this CPU has no bf16\n")


def test_the_profiler_writes_nothing_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "bench.py", "trace", "baseline", *SLIM[:4], "--out", str(tmp_path), "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "KINETO_LOG_LEVEL"}
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
    assert found.stderr == ""


def test_a_model_is_named_with_its_options_in_one_way() -> None:
    assert label_of("bicnet", {"size": (64, 32), "alpha": 2}) == "bicnet alpha=2 size=(64, 32)"
    assert label_of("mine", {"mode": "1"}) == "mine mode='1'"


def test_the_help_of_an_option_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["profile", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "--frames N the frames of a clip" in said and "--layers of each module: operations" in said
