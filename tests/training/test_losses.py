from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from reidbench.training.losses import batch_hard_triplet, supervised_contrastive


def naive_triplet(
    embeddings: Tensor, labels: Tensor, margin: float, distance: str = "cosine", *, soft: bool = False
) -> float:
    rows = [row / row.norm() if distance == "cosine" else row for row in embeddings.double()]
    costs = []
    for anchor, label in zip(rows, labels, strict=True):
        apart = [float(-anchor @ row if distance == "cosine" else (anchor - row).norm()) for row in rows]
        positive = max(d for d, o in zip(apart, labels, strict=True) if o == label)
        negative = min((d for d, o in zip(apart, labels, strict=True) if o != label), default=9e9)
        gap = positive - negative
        costs.append(math.log1p(math.exp(gap)) if soft else max(0.0, gap + margin))
    return sum(costs) / len(costs)


def naive_contrastive(embeddings: Tensor, labels: Tensor, scale: float) -> float:
    rows = [row / row.norm() for row in embeddings.double()]
    anchors = []
    for i, label in enumerate(labels):
        logits = [scale * float(rows[i] @ other) for other in rows]
        negatives = sum(math.exp(logits[j]) for j in range(len(rows)) if labels[j] != label)
        pairs = [
            math.log(math.exp(logits[j]) + negatives) - logits[j]
            for j in range(len(rows))
            if labels[j] == label and j != i
        ]
        if pairs:
            anchors.append(sum(pairs) / len(pairs))
    return sum(anchors) / len(anchors) if anchors else 0.0


LABELS = [[0, 0, 1, 1, 2, 2], [0, 0, 0, 0, 1, 1, 1, 1], [3, 1, 3, 1, 1, 2], [0, 0, 0], [0, 1, 2]]


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("margin", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("soft", [False, True])
def test_triplet_against_a_loop(labels: list[int], margin: float, distance: str, soft: bool) -> None:
    embeddings = torch.randn(len(labels), 5, generator=torch.Generator().manual_seed(len(labels)))
    found = batch_hard_triplet(embeddings, torch.tensor(labels), margin, distance, soft=soft)
    wanted = naive_triplet(embeddings, torch.tensor(labels), margin, distance, soft=soft)
    assert found.item() == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("scale", [1.0, 16.0])
def test_contrastive_against_a_loop(labels: list[int], scale: float) -> None:
    embeddings = torch.randn(len(labels), 5, generator=torch.Generator().manual_seed(len(labels)))
    found = supervised_contrastive(embeddings, torch.tensor(labels), scale)
    assert found.item() == pytest.approx(naive_contrastive(embeddings, torch.tensor(labels), scale), abs=1e-5)


@pytest.mark.parametrize("loss", [batch_hard_triplet, partial(batch_hard_triplet, distance="euclidean", soft=True)])
def test_gradients_of_triplets_are_finite_where_vectors_coincide(loss) -> None:
    embeddings = torch.ones(4, 3).requires_grad_()
    loss(embeddings, torch.tensor([0, 0, 1, 1])).backward()
    assert embeddings.grad is not None and embeddings.grad.isfinite().all()


@pytest.mark.parametrize("loss", [batch_hard_triplet, supervised_contrastive])
@pytest.mark.parametrize("labels", [*LABELS, [5]])
def test_gradients_are_finite_even_without_positives_or_negatives(loss, labels: list[int]) -> None:
    embeddings = torch.randn(len(labels), 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    loss(embeddings, torch.tensor(labels)).backward()
    assert embeddings.grad is not None and embeddings.grad.isfinite().all()


@pytest.mark.parametrize("loss", [batch_hard_triplet, supervised_contrastive])
def test_losses_fall_as_identities_separate(loss) -> None:
    labels = torch.tensor([0, 0, 1, 1])
    mixed = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    apart = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert loss(apart, labels) < loss(mixed, labels)


def test_low_precision_is_lifted_under_autocast() -> None:
    embeddings = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = batch_hard_triplet(embeddings, torch.tensor([0, 0, 1, 1, 2, 2]))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(naive_triplet(embeddings, torch.tensor([0, 0, 1, 1, 2, 2]), 0.5), abs=1e-6)
