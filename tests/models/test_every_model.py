"""What holds for every registered model: a new file in models/ is tested here without a new line."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from nightly import NIGHTLY
from reidbench.models.inception import Inception
from reidbench.models.resnet import ResNet
from reidbench.models.vit import VisionTransformer
from torch import Tensor, nn

from reidbench import registry
from reidbench.deployment.files import quiet, write
from reidbench.deployment.fusion import fuse
from reidbench.deployment.network import Network
from reidbench.profiling.complexity import count

SIZE = (64, 32)
SLIM = {"size": SIZE, "width": 8, "blocks": (1, 1, 1, 1), "inception_width": 8, "side": 75}
SLIM |= {"vit_depth": 2, "vit_width": 64}
WIDER = {"width": 16, "inception_width": 16, "vit_width": 128}
TRUNKS = {"resnet": ResNet, "inception": Inception, "vit": VisionTransformer}
FRAMES = 8
CLASSES = 5
MODELS = registry.models()

every_model = pytest.mark.parametrize("name", sorted(MODELS))
every_depth = pytest.mark.parametrize(
    ("name", "depth"),
    [(name, depth) for name in sorted(MODELS) for depth in ((18, 50) if "depth" in MODELS[name].options else (0,))],
)


def slim_options(name: str, depth: int = 0, **changed: Any) -> dict[str, Any]:
    """What of the options of a slim trunk a model has."""
    wanted = {**SLIM, **({"depth": depth} if depth else {}), **changed}
    return {option: value for option, value in wanted.items() if option in MODELS[name].options}


def slim_model(name: str, depth: int = 0, **changed: Any) -> nn.Module:
    """At 64x32, a trunk of few narrow blocks; nothing starts at zero, so that every module has its effect."""
    torch.manual_seed(0)
    model = registry.build(name, classes=CLASSES, **slim_options(name, depth, **changed))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.1, 0.1)
        elif isinstance(module, nn.Conv2d) and not module.weight.any():
            nn.init.normal_(module.weight, std=0.1)
    return model


def whole_trunk(name: str, depth: int = 50, **changed: Any) -> nn.Module:
    """A trunk of a model's kind, of which the model may hold some parts elsewhere, with other weights."""
    if MODELS[name].trunk == "resnet":
        return ResNet(depth, width=changed.get("width", SLIM["width"]), blocks=SLIM["blocks"])
    torch.manual_seed(1)
    return registry.build(name, **slim_options(name, **changed)).trunk


def clips(batch: int = 3, frames: int = FRAMES, size: tuple[int, int] = SIZE) -> Tensor:
    return torch.randn(batch, frames, 3, *size, generator=torch.Generator().manual_seed(1))


@every_depth
def test_training_output_has_all_that_the_losses_need_and_every_parameter_learns(name: str, depth: int) -> None:
    model = slim_model(name, depth).train()
    out = model(clips())
    assert out.feature.shape[0] == 3
    assert len(out.logits) == len(out.embeddings) >= 1
    assert all(logits.shape == (3, CLASSES) for logits in out.logits)
    assert sum(embedding.shape[1] for embedding in out.embeddings) % out.feature.shape[1] == 0
    assert all(torch.isfinite(loss.value) and loss.weight > 0 for loss in out.losses.values())

    terms = [logits.square().sum() for logits in out.logits]
    terms += [loss.weight * loss.value for loss in out.losses.values()]
    torch.stack(terms).sum().backward()
    frozen = [key for key, parameter in model.trunk.named_parameters() if not parameter.requires_grad]
    if frozen:
        assert len(frozen) == len(list(model.trunk.parameters())), frozen[0]
        assert "frozen" in MODELS[name].about
    for parameter_name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            assert frozen or parameter_name.endswith("bias"), parameter_name
            assert parameter_name.startswith("trunk.") or parameter_name.endswith("bias"), parameter_name
            assert parameter.grad is None, parameter_name
            continue
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        if parameter.ndim > 1:
            assert parameter.grad.abs().sum() > 0, parameter_name


@every_model
@torch.no_grad()
def test_evaluation_output_is_the_feature_and_the_maps(name: str) -> None:
    model = slim_model(name).eval()
    out = model(clips())
    assert out.logits == () and out.embeddings == () and out.losses == {}
    assert model.neck(out.feature).shape == out.feature.shape
    for map_name, values in out.maps.items():
        assert values.ndim == 4 and values.shape[0] == 3, map_name
        assert values.min() >= 0, map_name


@every_model
def test_without_classes_there_is_no_classifier(name: str) -> None:
    model = registry.build(name, **slim_options(name)).train()
    assert model.classifier is None
    assert model(clips(2)).logits == ()


@every_model
@torch.no_grad()
def test_a_clip_does_not_see_the_others_of_its_batch(name: str) -> None:
    model, given = slim_model(name).double().eval(), clips(2).double()
    together = model(given).feature
    alone = torch.cat([model(clip[None]).feature for clip in given])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@every_model
@torch.no_grad()
def test_every_frame_counts(name: str) -> None:
    changed = clips(1).repeat(FRAMES + 1, 1, 1, 1, 1)
    changed[range(FRAMES), range(FRAMES)] = 0  # in each clip but the last another frame
    *features, before = slim_model(name).eval()(changed).feature
    for frame, feature in enumerate(features):
        assert not torch.allclose(feature, before), frame


# By how many frames they see together; each with a trunk that has all of its modules.
@pytest.mark.parametrize(
    ("name", "segment", "options"),
    [
        ("m3d", 8, {}),
        ("i3d_strided", 8, {}),
        ("p3d_strided", 8, {}),
        ("tclnet", 4, {"blocks": (1, 1, 1, 2)}),
        ("cosam", 3, {"segment": 3, "blocks": (1, 1, 1, 2)}),
        ("sinet", 4, {"size": (128, 64), "blocks": (1, 4, 6, 1)}),
    ],
)
@torch.no_grad()
def test_segments_are_on_their_own_and_averaged(name: str, segment: int, options: dict[str, Any]) -> None:
    model = slim_model(name, **options).double().eval()
    given = clips(2, 3 * segment, options.get("size", SIZE)).double()
    whole, alone = model(given), [model(part) for part in given.split(segment, 1)]
    torch.testing.assert_close(whole.feature, torch.stack([out.feature for out in alone]).mean(0))
    for map_name, values in whole.maps.items():
        torch.testing.assert_close(values, torch.cat([out.maps[map_name] for out in alone], 1))


@every_model
@torch.no_grad()
def test_memory_format_of_the_clips_does_not_matter(name: str) -> None:
    model = slim_model(name).eval()
    given = clips(2)
    strided = given.permute(0, 2, 1, 3, 4).contiguous().permute(0, 2, 1, 3, 4)
    torch.testing.assert_close(model(strided).feature, model(given).feature, rtol=1e-4, atol=1e-5)


@every_model
def test_what_is_not_a_clip_is_refused(name: str) -> None:
    model = slim_model(name)
    for shape in ((2, 0, 3, 64, 32), (8, 3, 64, 32), (2, 8, 1, 64, 32)):
        with pytest.raises(ValueError, match="clip"):
            model(torch.zeros(shape))


@every_model
@torch.no_grad()
def test_copies_and_reloaded_weights_give_the_same_feature(name: str) -> None:
    model, given = slim_model(name).eval(), clips(1)
    expected = model(given).feature
    assert torch.equal(copy.deepcopy(model)(given).feature, expected)
    other = registry.build(name, classes=CLASSES, **slim_options(name)).eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(given).feature, expected)


@every_depth
@torch.no_grad()
def test_trunk_weights_reach_the_whole_trunk(name: str, depth: int) -> None:
    """Loading what is loaded already changes nothing; other weights change the feature, and only the trunk decides."""
    trunk = whole_trunk(name, depth)
    for parameter in trunk.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    state = dict(trunk.state_dict())
    if MODELS[name].trunk == "resnet":
        state |= {"fc.weight": torch.zeros(1), "fc.bias": torch.zeros(1)}
    model = slim_model(name, depth).eval()
    model.load_trunk(state)
    held = {tuple(p.shape): [] for p in model.parameters()}
    for parameter in model.parameters():
        held[tuple(parameter.shape)].append(parameter)
    for key, parameter in trunk.named_parameters():
        assert any(torch.equal(parameter, p) for p in held[tuple(parameter.shape)]), key


@every_model
def test_trunk_weights_of_another_width_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"check .*width"):
        slim_model(name).load_trunk(whole_trunk(name, **WIDER).state_dict())


@every_model
@torch.no_grad()
def test_builds_and_runs_at_paper_scale_without_memory(name: str) -> None:
    with torch.device("meta"):
        model = registry.build(name).eval()
        feature = model(torch.empty(1, 8, 3, 256, 128)).feature
        assert feature.shape == model.neck(feature).shape
    assert feature.shape[0] == 1 and feature.shape[1] % 128 == 0


@every_model
def test_every_counter_that_is_installed_can_follow_it(name: str) -> None:
    absent = count(slim_model(name), (1, FRAMES, 3, *SIZE)).absent
    assert not [reason for reason in absent.values() if reason.startswith("failed")]


@every_model
def test_trunk_is_named_as_recipes_and_loaders_expect(name: str) -> None:
    model = slim_model(name)
    assert isinstance(model.trunk, TRUNKS[MODELS[name].trunk])
    known = {"trunk", "csp", "dao", "tks", "tsb", "tse", "neck", "lower_necks", "classifier"}
    known |= {"temporal", "non_local"}  # AP3D
    known |= {"cosam", "iau", "pyramid", "sinet"}
    known |= {"graphs", "norm"}  # MGH
    known |= {"embed"}  # GLTP
    known |= {"single", "motion", "attention"}  # M3D
    known |= {"refine", "integrate"}  # STMP
    known |= {"granularities"}  # MG-RAFA
    known |= {"spatial"}  # DRSA
    known |= {"diffuse"}  # TF-CLIP
    known |= {"adapters"}  # VSLA-CLIP
    known |= {"statistics"}  # SANet
    known |= {"attend", "exponent", "local", "whole", "summary", "places", "times"}  # STAFormer
    known |= {"spatial_key", "temporal_key", "spatial_memory", "temporal_memory", "recurrent", "frame_neck"}  # STMN
    assert {key.partition(".")[0] for key in model.state_dict()} <= known


FAMILIES = {entry.function for entry in MODELS.values()}


@pytest.mark.parametrize("name", sorted(FAMILIES if NIGHTLY else FAMILIES & {"baseline", "bicnet", "stmn", "stgcn"}))
def test_every_family_is_exported_as_one_program(name: str) -> None:
    """What all formats but TorchScript are made from; no branch of it may depend on what is seen.

    By day some: with a plain trunk, two branches, a recurrence, a graph.
    """
    network = Network(slim_model(name).eval(), neck=True)
    given = clips(1)
    with quiet():
        program = torch.export.export(network, (given,))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(given), network(given))


@pytest.mark.skipif(not NIGHTLY, reason="half a minute: in the nightly setting")
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_is_exported_for_any_number_of_clips(name: str, tmp_path: Path) -> None:
    network = Network(slim_model(name).eval(), neck=True)
    write(network, clips(1), tmp_path / "network.pt2", "pt2", any_batch=True)
    program = torch.export.load(tmp_path / "network.pt2").module()
    with torch.no_grad():
        for number in (1, 2, 5):
            torch.testing.assert_close(program(clips(number)), network(clips(number)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(MODELS) if NIGHTLY else ["mgh", "tclnet", "vsla_clip"])
def test_fused_it_computes_the_same(name: str) -> None:
    """Its batch norms folded into convolutions; in double precision. BiCnet-TKS is tried by tests/deployment."""
    network, given = Network(slim_model(name)).double().eval(), clips(1).double()
    program = fuse(network, given)
    with torch.inference_mode():
        torch.testing.assert_close(program(given), network(given), rtol=1e-9, atol=1e-9)
