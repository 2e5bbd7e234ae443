"""The page on Python, and README's lines of it, run as they stand and do what is said beside them."""

from __future__ import annotations

import inspect
import pickle
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from few_walkers import FEW
from torch import nn

import reidbench
from reidbench import presets

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- tested -->\n\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
TRAIN, LOOP, SUITE, CELL = BLOCKS


def run(block: str) -> dict[str, Any]:
    """The names that a block leaves. It runs as a script would, under a name of its own."""
    names: dict[str, Any] = {"__name__": "block"}
    exec(compile(block, "python.md", "exec"), names)
    return names


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all blocks, two of which have the same data rendered."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REIDBENCH_CACHE", str(cache))
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    yield
    torch.random.set_rng_state(state)
    torch.set_num_threads(threads)


def test_every_block_of_the_page_is_tested() -> None:
    assert PAGE.count("```python") == len(BLOCKS)


def test_a_training_is_evaluated(capsys: pytest.CaptureFixture[str]) -> None:
    names = run(TRAIN)
    assert names["recipe"].trunk == "synthetic", "so that there is a trunk to start"
    assert names["result"].steps == 20 and names["scores"].valid.all()
    told = re.fullmatch(r"mAP (\d+\.\d) % after 20 steps\n", capsys.readouterr().out)
    chance = 100 * 3 / len(names["gallery"])
    assert told and float(told[1]) > 2 * chance
    is_query = [True] * len(names["query"]) + [False] * (len(names["gallery"]) - len(names["query"]))
    gallery = names["gallery"]
    scored = reidbench.score(
        gallery.vectors, gallery.identities, gallery.cameras, is_query, protocol="release_with_queries"
    )
    assert scored["mAP"]["value"] == pytest.approx(float(told[1]), abs=0.051)


def test_a_loop_of_ones_own_sees_every_tracklet_once() -> None:
    names = run(LOOP)
    assert names["drawn"].flips.shape == (len(names["labels"]),)
    assert names["output"].logits[0].shape == (len(names["labels"]), 24) and torch.isfinite(names["loss"])
    assert len(names["Clips"](names["data"])) == len(names["data"].train) == 24 * 4
    assert all(parameter.grad is not None for parameter in names["model"].parameters())
    frames, label = names["Clips"](names["data"])[95]
    assert (frames.dtype, frames.shape, label) == (torch.uint8, (8, 64, 32, 3), 23)
    pickle.dumps(names["Clips"](names["data"]).frames)  # as processes of a DataLoader need it


def test_a_suite_is_run_reported_and_read(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    tiny = presets.PRESETS["tiny"]
    short = replace(tiny, recipe=replace(tiny.recipe, steps=2, warmup_steps=1), dataset_options=FEW)
    monkeypatch.setitem(presets.PRESETS, "tiny", short)
    names = run(SUITE)
    assert not names["runner"].failures
    assert {entry.state for (row, _), entry in names["table"].entries.items()} == {"ok"}
    (line,) = names["gaps"].itertuples()
    assert (line.name, line.unit) == ("Base-B (256x128) over Base-S (128x64)", "pp")
    folder = Path("myresults") / names["store"].name
    told = capfd.readouterr().out
    for ending in ("md", "html"):
        path = folder / f"table2-tiny-accuracy-part.{ending}"
        assert path.is_file() and str(path) in told


def test_a_network_of_a_cell_is_profiled() -> None:
    costs = run(CELL)["costs"]
    assert costs["parameters"] == 64 * (3 * 7 * 7 + 1)
    assert costs["macs"]["torch"] == 63 * 31 * 64 * 3 * 7 * 7
    assert costs["latency"]["interval"] is not None


def test_the_lines_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the records of one machine, which are a tenth of all."""
    machine = Path("results", "nvidia-h100-80gb-hbm3-16-core-c007")
    (tmp_path / machine).parent.mkdir()
    (tmp_path / machine).symlink_to(ROOT / machine)
    bound = inspect.signature(reidbench.profile).bind
    monkeypatch.setattr(reidbench, "profile", lambda *given: bound(*given).args)  # half a minute for this network
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    names = run(block)
    assert names["costs"] == (names["model"],) and isinstance(names["model"], nn.Module)
    assert set(names["frame"].state) == {"ok"} and len(names["gaps"])
