"""CLIP's public files: small ones of the same layouts load into the trunk, and others are refused in a line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from clip_layouts import TEXTS, hugging_face, openai
from safetensors.torch import save_file
from torch import nn

from reidbench import registry
from reidbench.spec import UserError
from reidbench.training.checkpoint import convert, read_checkpoint
from reidbench.training.clip_weights import image_tower
from reidbench.training.trunk_weights import start_trunk

SLIM = {"size": (64, 32), "vit_depth": 2, "vit_width": 64, "patch": 16}
SQUARE = {**SLIM, "size": (64, 64)}


def trunk(seed: int = 0, **options: object) -> nn.Module:
    torch.manual_seed(seed)
    return registry.build("vit_baseline", **{**SQUARE, **options})


@pytest.mark.parametrize("layout", ["openai", "tower", "hugging_face", "half"])
def test_public_layouts_load_to_the_last_parameter(layout: str, tmp_path: Path) -> None:
    """Half precision becomes float32; what is of the tower of texts is left."""
    given = dict(trunk().trunk.state_dict())
    path = tmp_path / "model.pt"
    if layout == "hugging_face":
        path = tmp_path / "model.safetensors"
        save_file(hugging_face(given), path, metadata={"format": "pt"})
    elif layout == "half":
        torch.save({name: value.bfloat16() for name, value in hugging_face(given).items()}, path)
    else:
        torch.save(openai(given) if layout == "openai" else given, path)
    kept = {"openai": torch.float16, "half": torch.bfloat16}.get(layout, torch.float32)
    assert read_checkpoint(path).kind == "trunk"
    for name in ("vit_baseline", "tf_clip", "vsla_clip"):
        model = registry.build(name, **SQUARE)
        start_trunk(model, str(path), "vit")
        state = model.trunk.state_dict()
        assert state.keys() == given.keys()
        assert all(torch.equal(state[key], value.to(kept).float()) for key, value in given.items())


def test_positions_of_another_grid_are_resized(tmp_path: Path) -> None:
    given, model = trunk(), registry.build("vit_baseline", **SLIM)
    torch.save(openai(given.trunk.state_dict()), tmp_path / "square.pt")
    start_trunk(model, str(tmp_path / "square.pt"), "vit")
    places = model.trunk.positional_embedding
    square = given.trunk.positional_embedding.half().float()
    assert torch.equal(places[0], square[0])
    columns = square[1:].unflatten(0, (4, 4)).unflatten(1, (2, 2)).mean(2)
    torch.testing.assert_close(places[1:], columns.flatten(0, 1))


def test_a_converted_tower_is_read_again(tmp_path: Path) -> None:
    given = trunk().trunk.state_dict()
    save_file(hugging_face(given), tmp_path / "model.safetensors")
    for ending in (".pt", ".safetensors"):
        convert(tmp_path / "model.safetensors", tmp_path / f"tower{ending}")
        found = read_checkpoint(tmp_path / f"tower{ending}")
        assert found.kind == "trunk" and found.state.keys() == given.keys()


def test_another_trunks_weights_are_refused_both_ways(tmp_path: Path) -> None:
    tower, resnet = tmp_path / "clip.pt", tmp_path / "resnet.pt"
    torch.save(openai(trunk().trunk.state_dict()), tower)
    residual = registry.build("baseline", width=4, blocks=(1, 1, 1, 1))
    torch.save(residual.trunk.state_dict(), resnet)
    with pytest.raises(UserError, match=r"clip\.pt: holds a trunk of kind vit, the model .* kind resnet"):
        start_trunk(residual, str(tower))
    with pytest.raises(UserError, match=r"resnet\.pt: holds a trunk of kind resnet, the model .* kind vit"):
        start_trunk(trunk(), str(resnet), "vit")
    with pytest.raises(UserError, match=r"2 missing: transformer\.resblocks\.2\.|1[0-9] missing") as error:
        start_trunk(trunk(vit_depth=3), str(tower), "vit")
    assert "\n" not in str(error.value)


def test_towers_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    state = hugging_face(trunk().trunk.state_dict())
    del state["vision_model.encoder.layers.1.self_attn.k_proj.weight"]
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(UserError, match=r"model\.pt: the projections .* make transformer\.resblocks\.1\.attn\.in_proj"):
        read_checkpoint(tmp_path / "model.pt")
    assert image_tower(TEXTS) is None
    assert image_tower({"visual.layer1.0.conv1.weight": torch.ones(1)}) is None


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_openais_own_file_is_refused_and_the_one_to_take_is_named(tmp_path: Path) -> None:
    """It is a TorchScript archive, which is a program."""
    with torch.jit.optimized_execution(False):
        torch.jit.save(torch.jit.script(nn.Linear(1, 1)), tmp_path / "ViT-B-16.pt")
    with pytest.raises(UserError, match=r"ViT-B-16\.pt: .*TorchScript archive, which may carry code; .*safetensors"):
        read_checkpoint(tmp_path / "ViT-B-16.pt")


def test_nothing_is_fetched_for_it() -> None:
    with pytest.raises(UserError, match=r"--weights imagenet: .* give --weights FILE, .*openai/clip-vit-.*--rows"):
        start_trunk(trunk(), "imagenet", "vit")
