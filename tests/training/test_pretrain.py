"""The shared trunk: how it is taught, and the file that ships."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from reidbench import registry
from reidbench.data import synthetic
from reidbench.data.clips import normalise
from reidbench.data.lookalikes import EMBLEM, FLAP
from reidbench.presets import SLIM
from reidbench.spec import UserError
from reidbench.training import pretrain
from reidbench.training.checkpoint import read_checkpoint
from reidbench.training.trunk_weights import start_trunk
from reidbench.trunks import RESNET, SYNTHETIC

MODELS = registry.models()
LEAST = {"inception": {"side": 75, "inception_width": 4}}
"""What makes a kind of trunk smaller than the shipped one, where that is slow."""


@pytest.mark.parametrize("kind", pretrain.PUPILS)
def test_a_shipped_trunk_is_small_and_says_what_it_was_taught(kind: str) -> None:
    assert SYNTHETIC[kind].stat().st_size <= 2.5e6
    checkpoint = read_checkpoint(SYNTHETIC[kind])
    assert checkpoint.about["taught"] == pretrain.taught(kind)
    assert checkpoint.about["seed"] == synthetic.PRETRAINING_SEED
    pupil = pretrain.PUPILS[kind]
    assert (checkpoint.about["steps"], checkpoint.about["persons"]) == (pupil.steps, pretrain.PERSONS)
    assert (checkpoint.model, MODELS[checkpoint.model].trunk) == (pupil.model, kind)
    assert all(SLIM.get(option, value) == value for option, value in pupil.options.items()), "that of the presets"


@pytest.mark.parametrize("name", ["baseline", "two_branch", "bicnet_tks", "stmp"])
def test_the_shipped_trunk_starts_the_models_of_the_quick_preset(name: str) -> None:
    kind = MODELS[name].trunk
    model = registry.build(name, **pretrain.PUPILS[kind].options)
    before = {key: value.clone() for key, value in model.trunk.state_dict().items()}
    start_trunk(model, "synthetic", kind)
    after = model.trunk.state_dict()
    assert all(value.isfinite().all() for value in after.values())
    changed = [key for key in before if not torch.equal(before[key], after[key])]
    assert len(changed) == len(before)


@pytest.mark.parametrize("size", [(64, 32), (128, 64)])
@pytest.mark.parametrize("name", ["vit_baseline", "tf_clip", "vsla_clip"])
def test_the_shipped_transformer_starts_models_on_frames_of_any_size(name: str, size: tuple[int, int]) -> None:
    taught = read_checkpoint(SYNTHETIC["vit"]).state
    model = registry.build(name, **{**pretrain.PUPILS["vit"].options, "size": size})
    start_trunk(model, "synthetic", "vit")
    for key, value in model.trunk.state_dict().items():
        if key != "positional_embedding" or size == (64, 32):
            assert torch.equal(value, taught[f"trunk.{key}"].float()), key


@pytest.fixture(scope="module")
def unseen() -> Tensor:
    """Frames of 32 persons, six of each."""
    return pretrain.pretraining_images(32, synthetic.VALIDATION_SEED)[:, ::6]


@pytest.mark.parametrize("kind", pretrain.PUPILS)
def test_the_shipped_trunk_finds_persons_that_a_random_one_does_not(kind: str, unseen: Tensor) -> None:
    """The nearest of unseen persons' frames, each from another camera, among look-alikes in fours."""
    frames = normalise(unseen.flatten(0, 1)[:, None])
    person = torch.arange(32).repeat_interleave(6)
    torch.manual_seed(0)
    model = registry.build(pretrain.PUPILS[kind].model, **pretrain.PUPILS[kind].options).eval()
    found = []
    for trunk in ("", "synthetic"):
        start_trunk(model, trunk, kind)
        with torch.inference_mode():
            features = torch.nn.functional.normalize(model(frames).feature, dim=1)
        nearest = (features @ features.T).fill_diagonal_(-1).argmax(1)
        found.append((person[nearest] == person).float().mean())
    assert found[1] > max(2 * found[0], 0.1)


def test_pretraining_persons_stand_still_and_come_in_fours() -> None:
    images = pretrain.pretraining_images(16, 3)
    assert (tuple(images.shape), images.dtype) == ((16, 36, 64, 32, 3), torch.uint8)
    people = pretrain.pretraining_persons(16, 3)
    assert [person.factor for person in people] == [EMBLEM] * 8 + [FLAP] * 8
    assert all(person.flap is not None for person in people)
    for first in range(0, 16, 4):
        twins = people[first : first + 4]
        assert len({twin.group for twin in twins}) == 1
        assert len({twin.flap for twin in twins}) == (4 if twins[0].factor == FLAP else 1)


@pytest.mark.parametrize(("kind", "name"), [(RESNET, "bicnet"), ("inception", "stmp")])
def test_a_short_pretraining_is_repeatable_and_can_be_started_from(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pupil = pretrain.PUPILS[kind]
    pupil = replace(pupil, options={**pupil.options, **LEAST.get(kind, {})})
    monkeypatch.setattr(pretrain, "PUPILS", {kind: pupil})
    size = {"steps": 2, "persons": 24, "seed": 5}
    files = [tmp_path / "one.pt", tmp_path / "two.pt"]
    for file in files:
        pretrain.save_trunk(file, pretrain.pretrain(kind, **size), kind, **size)
    one, two = (read_checkpoint(file) for file in files)
    assert one.about["steps"] == 2 and not any(name.startswith("classifier") for name in one.state)
    assert one.state.keys() == two.state.keys()
    assert all(torch.equal(one.state[name], two.state[name]) for name in one.state)
    start_trunk(registry.build(name, **pupil.options), str(files[0]), kind)


def test_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(UserError, match="no trunk is named 'resnt'; did you mean 'resnet'"):
        pretrain.main(["out.pt", "resnt"])
