"""The authors' release checkpoints under our names, and our networks against the numbers of theirs.

`release_*_keys.csv` list every key of a release checkpoint with its shape (10 classes). The weights are made here by an
exact integer rule. The numbers below were computed once in float64 by running the authors' own code
(github.com/blue-blue272/BiCnet-TKS and github.com/blue-blue272/VideoReID-TCLNet) with these weights on these clips.
"""

from __future__ import annotations

import csv
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from rule_made import pick, rule_clips, rule_weight
from torch import Tensor, nn

from reidbench import registry
from reidbench.spec import UserError
from reidbench.training.checkpoint import convert, load_weights, read_checkpoint
from reidbench.training.release import convert_release, release_model

HERE = Path(__file__).parent
NAMES = ("bicnet_tks", "tclnet")


FEATURES = {
    "bicnet_tks": [0.010712971831, 0.007646214962, 0.081199803365, 0.0, 0.105830242180, 12.446182030191],
    "tclnet": [0.084155196017, 0.130120599767, 0.154913483363, 0.291632884454, 0.281570702257, 16.219222818300],
}
"""In evaluation, the feature of the second clip at five places and the norm over both clips: see `pick`."""

FRAMES = {"bicnet_tks": 8, "tclnet": 4}

TRAINING_LOGITS = [19.125920000, 8.239861616, 5.786030251, -4.006434535, -6.931383333, 37.025976524]
TRAINING_EMBEDDING = [-0.480381146, 0.444352640, 0.611156381, 0.406238007, -0.364193599, 33.238613825]
TRAINING_DIVERGENCE = 0.342290584286
"""Of BiCnet-TKS in training, on the same clips."""


each_release = pytest.mark.parametrize("name", NAMES, scope="module")
"""All tests of one release, whose weights are made once, and then those of the other."""


def release_shapes(name: str) -> dict[str, tuple[int, ...]]:
    with (HERE / f"release_{name}_keys.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {r["key"]: () if r["shape"] == "scalar" else tuple(map(int, r["shape"].split("x"))) for r in rows}


def release_state(name: str) -> dict[str, Tensor]:
    """A checkpoint in float64. No scale is zero, so that every module has its effect."""
    return dict(_release_state(name))


@lru_cache(maxsize=1)
def _release_state(name: str) -> dict[str, Tensor]:
    return {key: rule_weight(key, shape, seed) for seed, (key, shape) in enumerate(release_shapes(name).items())}


def numbers(state: dict[str, Tensor]) -> tuple[int, object]:
    """How many numbers a state holds, counters aside, and (approximately) the sum of their squares."""
    weights = [value for value in state.values() if value.ndim]
    total = math.fsum(value.square().sum().item() for value in weights)
    return sum(value.numel() for value in weights), pytest.approx(total, rel=1e-12)


def converted(name: str) -> nn.Module:
    state = convert_release(release_state(name))
    model = registry.build(name, classes=10).double()
    model.load_state_dict(state)
    return model


@each_release
def test_every_key_has_a_place_and_every_parameter_a_source(name: str) -> None:
    state = release_state(name)
    ours = convert_release(state)
    assert release_model(state) == name
    with torch.device("meta"):
        wanted = registry.build(name, classes=10).state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in wanted.items()}
    assert numbers(ours) == numbers(state)


@each_release
@torch.no_grad()
def test_feature_equals_the_releases(name: str) -> None:
    model = converted(name).eval()
    assert pick(model(rule_clips(FRAMES[name])).feature) == pytest.approx(FEATURES[name], rel=1e-9, abs=1e-9)


@each_release
def test_a_file_of_the_authors_gives_the_releases_weights(name: str, tmp_path: Path) -> None:
    """As their training writes it, in float32, and converted from there to our own two formats, each read again."""
    path = tmp_path / "checkpoint_ep150.pth.tar"
    state = {key: value.float() if value.ndim else value for key, value in release_state(name).items()}
    torch.save({"state_dict": state, "mAP": np.float64(0.86), "epoch": 149}, path)
    convert(path, tmp_path / "model.safetensors")
    convert(tmp_path / "model.safetensors", tmp_path / "model.pt")
    wanted = convert_release(state)
    for file in (path, tmp_path / "model.pt"):
        model = registry.build(name)
        load_weights(model, file)
        assert all(torch.equal(value, wanted[key]) for key, value in model.state_dict().items())
    found = read_checkpoint(tmp_path / "model.pt")
    entry = registry.models()[name]
    assert found.model == entry.function and found.about["converted_from"] == "model.safetensors"
    assert registry.build(found.model, classes=10, **found.options).state_dict().keys() == found.state.keys()


@each_release
def test_a_file_with_keys_missing_and_left_over_lists_every_one(name: str, tmp_path: Path) -> None:
    state = {key: torch.zeros(shape) for key, shape in release_shapes(name).items()}
    lost = [key for key in state if key.startswith("layer2.")]
    for key in lost:
        del state[key]
    extra = [f"layer9.{i}.weight" for i in range(30)]
    torch.save({"state_dict": {**state, **{key: torch.zeros(1) for key in extra}}}, tmp_path / "x.pth.tar")
    with pytest.raises(UserError, match=r"x\.pth\.tar: .*missing: .*left over: ") as caught:
        read_checkpoint(tmp_path / "x.pth.tar")
    message = str(caught.value)
    assert lost and all(key in message for key in (*lost, *extra)) and "\n" not in message


@torch.no_grad()
def test_training_outputs_equal_the_releases() -> None:
    out = converted("bicnet_tks").train()(rule_clips(8))
    assert pick(out.logits[0]) == pytest.approx(TRAINING_LOGITS, rel=1e-7)
    assert pick(out.embeddings[0]) == pytest.approx(TRAINING_EMBEDDING, rel=1e-7)
    assert out.losses["divergence"].weight == 0.01
    assert out.losses["divergence"].value.item() == pytest.approx(TRAINING_DIVERGENCE, rel=1e-9)


def test_without_a_classifier_the_model_has_none() -> None:
    state = {k: v for k, v in release_state("bicnet_tks").items() if not k.startswith("classifier")}
    assert not [k for k in convert_release(state) if k.startswith("classifier")]


@each_release
def test_missing_and_left_over_keys_are_named_in_one_line(name: str) -> None:
    state = release_state(name)
    del state["layer3.2.bn1.weight"]
    state["layer9.weight"] = torch.zeros(1)
    with pytest.raises(UserError) as caught:
        convert_release(state)
    message = str(caught.value)
    assert "missing: layer3.2.bn1.weight" in message
    assert "left over: layer9.weight" in message
    assert "\n" not in message


def test_another_shape_is_named() -> None:
    state = release_state("bicnet_tks") | {"TKS.fc2.weight": torch.zeros(1024, 33, 1, 1, 1)}
    with pytest.raises(UserError, match=r"select\.3\.weight has shape \[1024, 33, 1, 1, 1\] where \[1024, 32\]"):
        convert_release(state)


def test_other_weights_are_refused() -> None:
    with pytest.raises(UserError, match="not of a known release"):
        convert_release({"conv1.weight": torch.zeros(64, 3, 7, 7)})
