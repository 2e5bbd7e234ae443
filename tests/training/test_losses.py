from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from reidbench.training.losses import batch_hard_triplet, supervised_contrastive


def naive_triplet(embeddings: Tensor, labels: Tensor, margin: float) -> float:
    rows = [row / row.norm() for row in embeddings.double()]
    costs = []
    for anchor, label in zip(rows, labels, strict=True):
        positive = max(float(-anchor @ other) for other, o in zip(rows, labels, strict=True) if o == label)
        negative = min(
            (float(-anchor @ other) for other, o in zip(rows, labels, strict=True) if o != label), default=9e9
        )
        costs.append(max(0.0, positive - negative + margin))
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
def test_triplet_against_a_loop(labels: list[int], margin: float) -> None:
    embeddings = torch.randn(len(labels), 5, generator=torch.Generator().manual_seed(len(labels)))
    found = batch_hard_triplet(embeddings, torch.tensor(labels), margin)
    assert found.item() == pytest.approx(naive_triplet(embeddings, torch.tensor(labels), margin), abs=1e-6)


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("scale", [1.0, 16.0])
def test_contrastive_against_a_loop(labels: list[int], scale: float) -> None:
    embeddings = torch.randn(len(labels), 5, generator=torch.Generator().manual_seed(len(labels)))
    found = supervised_contrastive(embeddings, torch.tensor(labels), scale)
    assert found.item() == pytest.approx(naive_contrastive(embeddings, torch.tensor(labels), scale), abs=1e-5)


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
