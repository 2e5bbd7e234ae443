"""The picture of a model's modules."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from reidbench.profiling.layers import BETWEEN, KINDS, POINTWISE, SPATIAL, Layers, Part
from reidbench.profiling.peak import Peak
from reidbench.profiling.timeline import Span, Timeline
from reidbench.reporting.answers import layers_picture
from reidbench.reporting.answers.layers_picture import draw_layers

PEAK = Peak(flops=500e9, bandwidth=40e9, device="cpu", precision="fp32", threads=2, product="1x1 convolution")
BLOCKS = [Span("trunk", 0, 0.99), *(Span(f"trunk.blocks.{i}", 0.1 * i, 0.1 * i + 0.1) for i in range(9))]


def part(name: str, kind: str, rate: float, intensity: float, seconds: float) -> Part:
    macs = rate * seconds / 2
    return Part(name, kind, macs, 10, 2 * macs / intensity, seconds, seconds / 2)


def draw(
    parts: list[Part], monkeypatch: pytest.MonkeyPatch, folder: Path, calls: list[Span] = BLOCKS, peak_at: float = 0.2
) -> dict[str, Axes]:
    """Draws, and gives the axes."""
    figures: list[Figure] = []
    new_figure = layers_picture.new_figure
    monkeypatch.setattr(layers_picture, "new_figure", lambda *size: figures.append(new_figure(*size)) or figures[-1])
    timeline = Timeline((0.0, peak_at, 0.98), (0, 9_000_000, 4_000_000), tuple(calls))
    layers = Layers(tuple(parts), (1.0,), (1.0,), PEAK, (1, 8, 3, 256, 128))
    draw_layers(layers, timeline, "model", folder / "layers.png")
    return dict(zip(("roof", "kinds", "memory"), figures[0].axes, strict=True))


def told(axis: Axes) -> list[str]:
    return [text.get_text() for text in axis.texts]


@pytest.mark.parametrize("rates", [(230e9, 460e9), (3e9, 460e9)])
def test_the_ticks_are_numbers_whatever_is_seen(
    rates: tuple[float, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [part(f"conv{i}", POINTWISE, rate, 60 + 40 * i, 0.1) for i, rate in enumerate(rates)]
    axis = draw(parts, monkeypatch, tmp_path)["roof"]
    for direction in (axis.xaxis, axis.yaxis):
        low, high = direction.get_view_interval()
        labels = [
            label.get_text()
            for label, place in zip(direction.get_ticklabels(), direction.get_ticklocs(), strict=True)
            if low <= place <= high
        ]
        assert len(labels) >= 2 and all(float(label) > 0 for label in labels)
        assert not any(label.get_text() for label in direction.get_ticklabels(minor=True))


def test_the_legends_cover_no_point_and_all_lies_in_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = itertools.cycle(KINDS)
    parts = [part(f"trunk.conv{i}", next(kinds), 4e9 * (i + 1), 2 * i + 1, 0.1) for i in range(100)]
    axes = draw(parts, monkeypatch, tmp_path)
    whole = axes["roof"].get_figure(root=True).bbox  # type: ignore[union-attr]
    for name in ("roof", "kinds"):
        legend = axes[name].get_legend()
        assert legend
        box = legend.get_window_extent()
        assert not any(box.overlaps(axis.get_window_extent()) for axis in axes.values())
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1
    label = axes["roof"].yaxis.label.get_window_extent()
    assert whole.x0 <= label.x0 and label.x1 <= whole.x1


def test_a_block_that_takes_all_of_the_pass_gives_way_to_its_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axis = draw([part("conv", SPATIAL, 1e9, 5, 0.1)], monkeypatch, tmp_path)["memory"]
    assert "bands: calls within trunk.blocks;" in axis.get_title()
    assert told(axis) == [*map(str, range(9)), "9.0 MB in trunk.blocks.2"]
    mixed = [Span("trunk.a", 0, 0.4), Span("trunk.a.b", 0, 0.3), Span("narrow", 0.4, 0.41), Span("d", 0.5, 0.9)]
    axis = draw([part("conv", SPATIAL, 1e9, 5, 0.1)], monkeypatch, tmp_path, mixed)["memory"]
    assert "bands: outermost calls;" in axis.get_title()
    assert told(axis)[:2] == ["a", "d"], "a band too narrow for its name has none"


@pytest.mark.parametrize("moment", [0.02, 0.97])
def test_the_peak_is_told_within_the_axis(moment: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    axis = draw([part("conv", SPATIAL, 1e9, 5, 0.1)], monkeypatch, tmp_path, peak_at=moment)["memory"]
    box, frame = axis.texts[-1].get_window_extent(), axis.get_window_extent()
    assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and box.y1 <= frame.y1


def test_long_names_are_shown_by_their_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [part("trunk.transformer.resblocks.10.mlp.c_fc", SPATIAL, 1e9, 5, 0.1), part("csp.1", SPATIAL, 1e9, 9, 0.1)]
    assert set(told(draw(parts, monkeypatch, tmp_path)["roof"])) == {"…resblocks.10.mlp.c_fc", "csp.1"}


@pytest.mark.parametrize("rate", [1e9, 40e9, 500e9])
def test_the_longest_are_named_in_the_order_of_their_heights_where_no_point_or_line_is(
    rate: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = [part(f"slow{i}", SPATIAL, rate * (1 - 0.01 * i), 5 + i, 0.2) for i in (1, 0, 2)]
    axis = draw([*slow, part("quick", POINTWISE, 20e9, 300, 0.1)], monkeypatch, tmp_path)["roof"]
    names = sorted(axis.texts, key=lambda text: -text.get_window_extent().y0)
    assert [name.get_text() for name in names] == ["slow0", "slow1", "slow2"]
    boxes = [Text.get_window_extent(name) for name in names]  # without the line to the point
    assert all(upper.y0 >= lower.y1 for upper, lower in itertools.pairwise(boxes))
    right, roof = axis.transData.transform((300, PEAK.flops / 1e9))
    assert boxes[0].y1 < roof and all(right < box.x0 for box in boxes) and boxes[-1].y0 >= axis.bbox.y0


def test_a_model_without_products_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    axes = draw([Part("pool", BETWEEN, 0, 0, 100, 0.1, 0.05)], monkeypatch, tmp_path)
    assert told(axes["roof"]) == []
