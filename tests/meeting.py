"""What processes tell each other, and how they end: `meeting.py HOW OUT`, started once for each process."""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from reidbench import distributed
from reidbench.launch import Place, launched
from reidbench.spec import UserError

MEETING = "meeting"
"""The named pipe at which processes meet of which one then falls silent."""


def talk(place: Place) -> dict[str, Any]:
    """Each value that the test compares with what the ranks gave."""
    own = torch.tensor([[1.0, 2.0], [3.0, 4.0]]) + 10 * place.rank
    weight = torch.tensor(1.5, requires_grad=True)
    whole = distributed.gathered(own * weight)
    whole.prod(0).sum().backward()
    summed = [torch.full((2, 3), 1.0 + place.rank).T, torch.tensor(float(place.rank))]
    distributed.sum_in_place(summed, 0.5)
    given = torch.tensor([1.0 + place.rank], requires_grad=True)
    mean = distributed.average(given)
    (mean * (3.0 + place.rank)).sum().backward()
    distributed.check_same({"a": torch.ones(2), "empty": torch.zeros(0), "count": torch.tensor(3)}, "here")
    try:
        distributed.check_same({"a": torch.full((2,), float(place.rank))}, "after training")
        refused = ""
    except UserError as error:
        refused = str(error)
    distributed.check_alike("the same", "differ")
    try:
        distributed.check_alike(f"what {place.rank} holds", "train different models")
        different = ""
    except UserError as error:
        different = str(error)
    distributed.wait_for_all()
    return {
        "whole": whole.detach(),
        "gradient": weight.grad,
        "summed": summed,
        "mean": mean.detach(),
        "mean gradient": given.grad,
        "any": [distributed.any_of(flag) for flag in (False, place.rank == 1, True)],
        "first": distributed.from_first({"rank": place.rank}),
        "each": distributed.from_each([place.rank] * (1 + place.rank)),
        "refused": refused,
        "different": different,
    }


def train() -> None:
    """A step of an optimiser, the first of which imports more of torch."""
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    torch.optim.Adam([weight]).step()


def threads() -> list[str]:
    """The names of all threads of this process, torch's own too, on Linux."""
    return [(task / "comm").read_text().strip() for task in Path("/proc/self/task").glob("*")]


def end(place: Place, how: str, out: Path) -> None:
    """The second process ends or falls silent while the first waits for it."""
    if place.rank == 1:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "silent":
            os.kill(os.getpid(), signal.SIGSTOP)
        if how == "refuses":
            # A process that ends is missed as one that was here only after the first has joined.
            raise UserError("frame 7 is damaged" if (out / "first joined").exists() else "left the first behind")
    distributed.any_of(False)


def join_late(out: Path) -> None:
    """Holds this process up on its way back from torch."""
    find = dist.init_process_group

    def find_and_dawdle(*arguments: Any, **options: Any) -> None:
        find(*arguments, **options)
        time.sleep(0.5)
        (out / "first joined").touch()

    dist.init_process_group = find_and_dawdle


def meet(out: Path) -> None:
    """Both have imported torch: the silence is also how long one waits for the other, which may take long over that.

    A named pipe opens once both of its ends are asked for.
    """
    import_module("torch.distributed.nn.functional")  # as joining does
    (out / MEETING).open("r" if launched().leads else "w").close()


if __name__ == "__main__":
    how, out = sys.argv[1], Path(sys.argv[2])
    if how == "refuses" and launched().leads:
        join_late(out)
    if how == "silent":
        meet(out)
    try:
        with distributed.joined(
            "cpu", silence=timedelta(seconds=5) if how == "silent" else distributed.SILENCE
        ) as place:
            if how == "well":
                train()
                torch.save(talk(place), out / f"{place.rank}.pt")
            else:
                end(place, how, out)
        assert distributed.current().world == 1
        if how == "well":
            (out / f"{launched().rank}.txt").write_text("\n".join(threads()))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
