"""MGH: its costs, its graphs, and the numbers of the authors' release.

The golden numbers were computed once in float64 by the authors' own code (github.com/daodaofr/hypergraph_reid), its
trunk cut to blocks (1, 2, 2, 1), with the weights and clips of `rule_made`.
"""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from reidbench.models.mgh import _after, mean_of_nearest
from rule_made import costs, pick, rule_clips, rule_model
from torch import nn

from reidbench import registry
from reidbench.spec import UserError

SLIM = {"size": (64, 32), "width": 8, "blocks": (1, 2, 2, 1)}
GOLDEN = {"size": (128, 64), "blocks": (1, 2, 2, 1), "classes": 10}

NECK_OUTPUT = [-0.0784077035676, -0.1696518197575, 0.0406480058570, -0.0474946991255, -0.0456067628714, 7.7786725262638]
TRAINING_FEATURE = [-0.6790793524, -0.2729444387, 0.2206772315, 0.0287595226, -0.2358057975, 24.4148857654]
TRAINING_LOGITS = [
    [5.8799648933, -7.6547590010, 9.3601922162, 0.7164816120, -14.5236398974, 36.8320598300],
    [-6.2942601008, -0.0213109384, -0.4162049667, 3.1225783971, -0.9924974733, 36.5101105392],
    [0.1361312730, 5.5744580075, 9.6865806812, -7.2608821221, -4.3096955085, 22.9701359825],
    [-9.6571034951, 0.0162145147, -0.9767275531, -7.0570222362, -15.2399706904, 33.7747965134],
]


def test_parameters_are_the_releases() -> None:
    with torch.device("meta"):
        model = registry.build("mgh")
    assert sum(p.numel() for p in model.parameters()) == 40_336_448


def test_cost_is_the_releases_less_what_it_compares_twice() -> None:
    """The release counts 44.219 GMACs a clip: it compares all pairs in each frame's window, 252 pairs of frames for 64.

    Without comparing at all it is 44.153.
    """
    _, _, macs = costs("mgh", 8)
    pairs = (2**2 + 4**2 + 8**2) * (2048 + 1024)
    assert macs + (252 - 64) * pairs == 44_218_466_304
    assert f"{(macs - 64 * pairs) / 8e9:.3f}" == "5.519"


@pytest.fixture(scope="module")
def golden() -> nn.Module:
    """With the weights of the rule, which take a second to make; who changes it takes a copy."""
    return rule_model(registry.build("mgh", **GOLDEN))


@torch.no_grad()
def test_feature_equals_the_releases(golden: nn.Module) -> None:
    model = golden.eval()
    assert pick(model.neck(model(rule_clips(5, (128, 64))).feature)) == pytest.approx(NECK_OUTPUT, rel=1e-9)


@torch.no_grad()
def test_training_outputs_equal_the_releases(golden: nn.Module) -> None:
    out = copy.deepcopy(golden).train()(rule_clips(5, (128, 64)))
    assert pick(out.feature) == pytest.approx(TRAINING_FEATURE, rel=1e-6)
    assert [pick(logits) for logits in out.logits] == [pytest.approx(row, rel=1e-6) for row in TRAINING_LOGITS]


@settings(max_examples=30, deadline=None)
@given(length=st.integers(1, 9), parts=st.integers(2, 4))
def test_neighbours_are_the_two_nearest_others_within_three_frames(length: int, parts: int) -> None:
    nodes = torch.randn(2, length, parts, 5)
    found = mean_of_nearest(nodes)
    for clip in range(2):
        for frame in range(length):
            for part in range(parts):
                others = [
                    (-F.cosine_similarity(nodes[clip, frame, part], nodes[clip, f, p], dim=0).item(), f, p)
                    for f in range(max(0, frame - 3), min(length, frame + 4))
                    for p in range(parts)
                    if (f, p) != (frame, part)
                ]
                nearest = [nodes[clip, f, p] for _, f, p in sorted(others)[:2]]
                torch.testing.assert_close(found[clip, frame, part], torch.stack(nearest).mean(0))


@torch.no_grad()
def test_with_the_stems_relu_and_blocks_that_do_nothing_the_maps_are_the_trunks() -> None:
    model = registry.build("mgh", stem_relu=True, **SLIM).eval()
    frames = torch.randn(3, 3, 64, 32)
    torch.testing.assert_close(model._maps(frames), model.trunk(frames), rtol=1e-4, atol=1e-5)
    model.stem_relu = False
    assert not torch.allclose(model._maps(frames), model.trunk(frames), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("count", "expected"), [(1, [0]), (2, [1]), (3, [1]), (4, [1, 3]), (6, [1, 3, 5])])
def test_non_local_blocks_stand_after_every_second_block(count: int, expected: list[int]) -> None:
    assert list(_after(count)) == expected


def test_a_low_map_has_as_many_stripes_as_rows() -> None:
    assert registry.build("mgh", **SLIM).stripes == (2, 4, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stripes": (3,)}, r"stripes=\(3,\): each must divide the 4 rows"),
        ({"stripes": ()}, r"stripes=\(\)"),
        ({"stripes": (0,)}, r"stripes=\(0,\)"),
        ({"size": (64, 16)}, "size=64x16: the non-local blocks need at least 32 pixels either way"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.build("mgh", **{**SLIM, **options})


def test_clips_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="clips are 32x32, the model was built for 64x32"):
        registry.build("mgh", **SLIM)(torch.zeros(1, 4, 3, 32, 32))
    with pytest.raises(ValueError, match="a clip of 1 frames: its nodes have no neighbours in 1 stripes"):
        registry.build("mgh", stripes=(1, 2), **SLIM)(torch.zeros(1, 1, 3, 64, 32))
