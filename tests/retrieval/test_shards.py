from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import launching
import numpy as np
import pytest
import sharing
import torch

from reidbench import distributed
from reidbench.data.tracklets import Tracklet
from reidbench.launch import Place
from reidbench.retrieval.shards import own, whole

TRACKLETS = [Tracklet((f"{n}.jpg",), n, 1) for n in range(7)]


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes this process one of three, which hear from each other nothing but what the test says."""

    def take_place(rank: int) -> None:
        monkeypatch.setattr(distributed, "_joined", distributed._Joined(Place(rank, 3, rank, 3)))

    return take_place


def test_shares_are_put_together_in_order(three: Callable[[int], None], monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for rank in range(3):
        three(rank)
        identities = np.array([[t.identity] for t in own(TRACKLETS)])
        parts.append({"mean": identities, "squares": identities**2})
    assert [len(part["mean"]) for part in parts] == [3, 2, 2]
    monkeypatch.setattr(distributed, "wait_for_all", lambda: None)
    monkeypatch.setattr(distributed, "from_each", lambda part: parts)
    found = whole(parts[0], 7)
    assert found["mean"].tolist() == [[n] for n in range(7)]
    assert found["squares"].tolist() == [[n**2] for n in range(7)]


def test_fewer_tracklets_than_processes_are_everybodys(three: Callable[[int], None]) -> None:
    three(2)
    assert own(TRACKLETS[:2]) == TRACKLETS[:2]
    vectors = {"mean": np.arange(2)}
    assert whole(vectors, 2) == vectors


def test_alone_all_are_ones_own() -> None:
    assert own(TRACKLETS) == TRACKLETS


def test_two_processes_embed_as_one(
    write_mars: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    root = write_mars("large", size=(64, 32))
    launching.together(Path(sharing.__file__), root, tmp_path)
    alone = sharing.embedded(root)
    counts = []
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        for part, wanted in zip(("query", "gallery"), alone, strict=True):
            for name, value in vars(wanted).items():
                if name == "vectors":
                    # A convolution may sum in another order for a batch of another size.
                    np.testing.assert_allclose(found[part][name], value, atol=1e-5)
                    assert np.abs(value).max() > 0.01
                else:
                    assert (found[part][name] == value).all(), name
        counts.append(len(found["gallery"]["identities"]))
    assert counts == [len(alone[1])] * 2
    # Each process kept the frames of its own tracklets alone: two files, which together are as large as the third.
    sizes = sorted(file.stat().st_size for file in (tmp_path / "cache").rglob("*.npy"))
    assert len(sizes) == 3 and abs(sizes[0] + sizes[1] - sizes[2]) <= 128
