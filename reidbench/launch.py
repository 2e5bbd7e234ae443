"""What torchrun's environment says: how many processes share a run, and which of them this one is. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from reidbench.spec import UserError


@dataclass(frozen=True)
class Place:
    """One process among the `world` of a run: `rank` from 0, and the same on its own machine (`local_`)."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1

    @property
    def leads(self) -> bool:
        """Whether it is this process that writes and prints for all."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This process's part of `count` things that divide among all: the parts in order of rank make the whole."""
        each = count // self.world
        return slice(self.rank * each, (self.rank + 1) * each)


ALONE = Place()


def launched(environment: Mapping[str, str] = os.environ) -> Place:
    """The place that torchrun gave this process, or that of one alone. Raises UserError for numbers that make none.

    torchrun sets both `WORLD_SIZE` and `RANK`; some clusters set only the first, in every process.
    """
    if not {"WORLD_SIZE", "RANK"} <= environment.keys() or environment["WORLD_SIZE"] == "1":
        return ALONE
    world = _number(environment, "WORLD_SIZE", 1)
    rank = _number(environment, "RANK", 0)
    local_world = _number(environment, "LOCAL_WORLD_SIZE", world)
    place = Place(rank, world, _number(environment, "LOCAL_RANK", rank % max(local_world, 1)), local_world)
    if not (0 <= place.rank < place.world and 0 <= place.local_rank < place.local_world <= place.world):
        raise UserError(f"environment: {place} is no place among the processes of a run; start them with torchrun")
    return place


def refuse_several(command: str) -> None:
    """Raises UserError if torchrun started this command, which runs in one process, in several."""
    world = launched().world
    if world > 1:
        raise UserError(f"{command}: runs in one process, and torchrun started {world}; start it with python")


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise UserError(f"environment: {name} is {text!r}, not a number; start the processes with torchrun") from None
