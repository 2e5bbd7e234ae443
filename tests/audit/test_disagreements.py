"""Where the counters disagree: joined over networks, each operation with its reason."""

import pytest
import torch
from torch import nn

from reidbench.audit.disagreements import UNEXPLAINED, WHY, disagreements, reasons
from reidbench.measurements.costs import _counting_context
from reidbench.profiling.complexity import count


def context(module: str, macs: float, reference: float, **operations: float) -> dict:
    one = {"module": module, "counter": "fvcore", "macs": macs, "reference": reference, "operations": operations}
    return {"macs_per_clip": {"torch": 1000.0}, "disagreements": [one]}


def test_a_module_is_joined_over_the_networks_it_stands_in() -> None:
    [found] = disagreements(
        [
            context("trunk.layer1", 110, 100, softmax=-8, normalisation=8, upsample_nearest2d=4),
            context("trunk.layer1", 230, 200, normalisation=20),
            context("trunk.layer1.0.conv1", 2, 1, normalisation=1),
        ]
    )
    assert (found.module, found.counter) == ("trunk.layer1", "fvcore")
    assert found.low == pytest.approx(0.10) and found.high == pytest.approx(0.15) and found.share == 0.2
    parts = [("normalisation", 28 / 40), ("softmax", -8 / 40), ("upsample_nearest2d", 4 / 40)]
    assert list(found.operations.items()) == parts, "what differs most comes first, be it too little or too much"


def test_an_operation_without_a_known_reason_is_told_as_such() -> None:
    found = disagreements([context("dao", 2, 1, normalisation=0.5, spline=0.5)])
    told = {kind: why for _, kind, why in reasons(found)}
    assert told == {"normalisation": WHY["fvcore"]["normalisation"], "spline": UNEXPLAINED}


def test_the_reasons_hold_for_what_the_counters_count() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.relu = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU()

        def forward(self, clips: torch.Tensor) -> torch.Tensor:
            x = self.relu(self.norm(self.conv(clips.flatten(0, 1))))
            x = nn.functional.interpolate(nn.functional.avg_pool2d(x, 2), scale_factor=2.0)
            return x.mean((2, 3))

    pixels = 4 * 8 * 8
    found = disagreements([_counting_context(count(Net(), (1, 1, 3, 8, 8)))])
    names = {one.counter: one for one in found if one.module == ""}
    assert set(names) == set(WHY)
    total = {counter: (1 + one.high) * 3 * pixels - 3 * pixels for counter, one in names.items()}
    parts = {
        counter: {k: part * total[counter] for k, part in one.operations.items()} for counter, one in names.items()
    }
    assert parts["fvcore"]["normalisation"] == pytest.approx(2 * pixels)
    assert parts["ptflops"]["ReLU"] == parts["ptflops"]["F.relu"] == pytest.approx(pixels)
    assert parts["ptflops"]["normalisation"] == pytest.approx(2 * pixels)
    for counter in ("ptflops", "ptflops_aten"):
        assert parts[counter]["convolution"] == pytest.approx(pixels), "the bias"
    for one in names.values():
        assert set(one.operations) <= set(WHY[one.counter])
