"""Metric losses over the embeddings of a batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def batch_hard_triplet(
    embeddings: Tensor, labels: Tensor, margin: float = 0.5, distance: str = "cosine", *, soft: bool = False
) -> Tensor:
    """Batch-hard triplet loss (Hermans et al., arXiv:1703.07737) with the negative cosine similarity as distance, or
    the Euclidean one of the embeddings as they are.

    `embeddings` [B, D], `labels` int64 [B]; the scalar mean over anchors of relu(farthest positive - nearest negative
    + margin), or where it is `soft` of softplus(farthest positive - nearest negative). An anchor is a positive of
    itself; one without a negative in the batch adds 0. Computed in float32.
    """
    distances = -_similarities(embeddings) if distance == "cosine" else _euclidean(embeddings)
    same = labels[:, None] == labels[None, :]
    positive = distances.masked_fill(~same, -torch.inf).amax(dim=1)
    negative = distances.masked_fill(same, torch.inf).amin(dim=1)
    gap = positive - negative
    return (functional.softplus(gap) if soft else functional.relu(gap + margin)).mean()


def supervised_contrastive(embeddings: Tensor, labels: Tensor, scale: float = 16.0) -> Tensor:
    """Supervised contrastive loss with one positive at a time, as the authors' release trains LS-VID.

    `embeddings` [B, D], `labels` int64 [B]. Each pair of an anchor and a positive costs the cross entropy of that
    positive against all negatives, at logits of `scale` x cosine similarity; the scalar is the mean over an anchor's
    positives, then over the anchors that have one. Computed in float32.
    """
    logits = scale * _similarities(embeddings)
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    negatives = logits.masked_fill(same, -torch.inf).logsumexp(dim=1, keepdim=True)
    costs = (torch.logaddexp(logits, negatives) - logits).masked_fill(~positive, 0.0)
    counts = positive.sum(dim=1)
    per_anchor = costs.sum(dim=1) / counts.clamp(min=1)
    return per_anchor.sum() / (counts > 0).sum().clamp(min=1)


def _euclidean(embeddings: Tensor) -> Tensor:
    """Every distance [B, B], from the differences: a product would not have 0 where vectors coincide."""
    with torch.autocast(embeddings.device.type, enabled=False):
        vectors = embeddings.float()
        return torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")


def _similarities(embeddings: Tensor) -> Tensor:
    with torch.autocast(embeddings.device.type, enabled=False):
        unit = functional.normalize(embeddings.float(), dim=1)
        return unit @ unit.T
