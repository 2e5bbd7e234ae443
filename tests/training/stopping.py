"""Trains the tiny network as one of several processes: `stopping.py ROOT OUT HOW`, the second of which may be stopped.

HOW is a way to be stopped, or "on": then what was stopped in each way goes on, and one training is not stopped at all.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch
from tiny import RECIPE, Tiny, tiny

from reidbench import distributed
from reidbench.data.mars import read_layout
from reidbench.launch import Place
from reidbench.spec import UserError
from reidbench.training.trainer import train

SIGNALS = {"killed": signal.SIGKILL, "interrupted": signal.SIGINT}


def run(root: Path, workdir: Path, place: Place, number: int | None = None) -> None:
    def stop(model: Tiny, *_: object) -> None:
        if place.rank == 1 and number and model.calls == 6:
            os.kill(os.getpid(), number)

    model = tiny()
    model.register_forward_hook(stop)
    dataset = read_layout(root, name="tiny")
    # What is saved at every step holds the step before the kill; an interrupt saves its own.
    every = 0.0 if number == signal.SIGKILL else 3600.0
    device = torch.device("cpu")
    result = train(model, dataset, RECIPE, seed=3, device=device, workdir=workdir, run="a", save_every=every)
    about = {"losses": torch.tensor(result.losses), "resumed_at": torch.tensor(result.resumed_at)}
    torch.save({**model.state_dict(), **about}, workdir / f"end{place.rank}")


if __name__ == "__main__":
    root, out, how = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    try:
        with distributed.joined("cpu") as place:
            for name in [*SIGNALS, "undisturbed"] if how == "on" else [how]:
                run(root, out / name, place, SIGNALS.get(how))
    except (UserError, KeyboardInterrupt) as error:
        print(f"{type(error).__name__}: {error}"[:50], file=sys.stderr)
        sys.exit(2)
