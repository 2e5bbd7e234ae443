"""Embeds a dataset's test tracklets as one of several processes: `sharing.py ROOT OUT`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from reidbench import distributed, registry
from reidbench.data.mars import read_layout
from reidbench.recipes import Recipe
from reidbench.retrieval.features import Features, embed_dataset
from reidbench.spec import Protocol


def embedded(root: Path) -> tuple[Features, Features]:
    torch.manual_seed(0)
    model = registry.build("bicnet_tks", size=(64, 32), width=4, blocks=(1, 1, 1, 1))
    recipe, dataset = Recipe(size=(64, 32)), read_layout(root, name="large")
    return embed_dataset(model, dataset, recipe, Protocol(), device=torch.device("cpu"))


if __name__ == "__main__":
    root, out = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    with distributed.joined("cpu") as place:
        query, gallery = embedded(root)
        torch.save({"query": vars(query), "gallery": vars(gallery)}, out / f"{place.rank}.pt")
