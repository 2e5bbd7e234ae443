"""The options of the command that trains one model."""

from __future__ import annotations

from reidbench.commands.parser import Add, model, start, training


def add_training(add: Add) -> None:
    """Adds the command."""
    sub = add("train", "training.train", "train one model and keep its weights", model(), training(), start())
    sub.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    sub.add_argument("--out", required=True, metavar="DIR", help="folder for checkpoints and model.pt")
    about = "try a few steps: check data and weights, tell memory and how long the whole run will take; keep nothing"
    sub.add_argument("--dry-run", action="store_true", help=about)
    about = "under torchrun: batch norm over the whole batch, not over each process's share"
    sub.add_argument("--sync-bn", action="store_true", help=about)
