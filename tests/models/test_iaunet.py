"""IAUnet: its costs, its graph of parts, and the numbers of the authors' block.

The golden numbers were computed once in float64 by running the `IAUBlock3D` of github.com/blue-blue272/ImgReID-IAnet
after stages 2 and 3 of a slim trunk, with the weights and clips of `rule_made`.
"""

from __future__ import annotations

import pytest
import torch
from reidbench.models.iaunet import PARTS, PartGraph, _channels_interact, neighbours
from rule_made import costs, digest, rule_clips, rule_model

from reidbench import registry

SLIM = {"size": (64, 32), "width": 16, "blocks": (1, 2, 1, 1)}
FEATURE = [710.491102762036, 716.974007829669, 153.776890370510]
MASKS = {
    2: [117.692987883047, 117.751781084618, 15.936693462356],
    3: [19.482596186903, 18.445774876609, 8.318446050059],
}
"""`digest` of the features and, by stage, of the masks, the parts of a clip one after the other."""


@pytest.mark.parametrize(("frames", "macs"), [(4, "6.479"), (8, "8.627")])
def test_costs_are_the_releases(frames: int, macs: str) -> None:
    model, parameters, counted = costs("iaunet", frames)
    assert f"{parameters / 1e6:.2f}" == "27.46"
    assert f"{counted / 1e9 / frames:.3f}" == macs
    assert [sum(p.numel() for p in block.parameters()) for block in model.iau.values()] == [793_103, 3_159_055]


@torch.no_grad()
def test_feature_and_masks_equal_the_releases() -> None:
    out = rule_model(registry.build("iaunet", **SLIM)).eval()(rule_clips(4, SLIM["size"]))
    assert digest(out.feature) == pytest.approx(FEATURE, rel=1e-9)
    for stage, expected in MASKS.items():
        masks = torch.stack([out.maps[f"iau_stage{stage}_part{part}"] for part in range(1, PARTS + 1)], 1)
        assert digest(masks.flatten(1)) == pytest.approx(expected, rel=1e-9)


@torch.no_grad()
def test_at_first_nothing_interacts() -> None:
    model = registry.build("iaunet", **SLIM).eval()
    clips = torch.randn(2, 3, 3, 64, 32)
    expected = model.trunk(clips.flatten(0, 1)).mean((2, 3)).unflatten(0, (2, 3)).mean(1)
    torch.testing.assert_close(model(clips).feature, expected)


@torch.no_grad()
def test_a_channel_is_a_mean_of_all_channels_of_all_frames_of_its_clip() -> None:
    maps = torch.randn(6, 5, 3, 2)
    out = _channels_interact(maps, 3)
    channels = maps[3:].flatten(0, 1).flatten(1)
    weights = (channels @ channels[1 * 5 + 2]).softmax(0)
    torch.testing.assert_close(out[4, 2].flatten(), weights @ channels)
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_a_part_has_edges_to_the_others_of_its_frame_and_to_itself_in_other_frames() -> None:
    edges = neighbours(3)
    for frame in range(3):
        for part in range(PARTS):
            found = {(n // PARTS, n % PARTS) for n in edges[frame * PARTS + part].nonzero().flatten().tolist()}
            same_frame = {(frame, other) for other in range(PARTS) if other != part}
            assert found == same_frame | {(other, part) for other in range(3) if other != frame}


@torch.no_grad()
def test_nodes_hear_their_neighbours_alone() -> None:
    graph = PartGraph(6).eval()
    nodes, clip = torch.randn(1, 3, PARTS, 6), torch.randn(1, 6)
    before = graph(nodes, clip)
    nodes[0, 2, 1] += 1
    changed = (graph(nodes, clip) != before).any(3)[0].flatten()
    expected = neighbours(3)[2 * PARTS + 1]
    expected[2 * PARTS + 1] = True
    assert torch.equal(changed, expected)
