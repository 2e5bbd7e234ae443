"""Several processes as one: they find each other, and tell each other tensors, flags and objects.

A process alone is given back what it gave. All processes call the same functions in the same order. One that dies is
missed at once, by the connection it drops; one that falls silent, after `SILENCE`. Either ends the others.
"""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from reidbench.launch import ALONE, Place, launched
from reidbench.spec import UserError

Thing = TypeVar("Thing")

SILENCE = timedelta(minutes=10)
"""How long a step may take on the slowest process before it is given up for lost."""

PREPARATION = timedelta(hours=12)
"""How long the first processes wait for the last to have read its data."""

PARTING = timedelta(seconds=2)
"""How long the process that holds the store stays for the others to ask it who tells of the end."""

ENDED = (
    "another process of this run ended, or did not answer in time; start all of them again: "
    "training goes on from its last checkpoint"
)


@dataclass(frozen=True)
class _Joined:
    """This process's place, and what it talks through: torch knows one group of processes at a time."""

    place: Place = ALONE
    store: Any = None
    control: Any = None


_joined = _Joined()


def current() -> Place:
    """This process's place among those that are joined."""
    return _joined.place


@contextmanager
def joined(device: str, *, silence: timedelta = SILENCE) -> Iterator[Place]:
    """Joins the processes that torchrun started while the block lasts; a process alone just goes on.

    Tensors travel by NCCL for `device` "cuda", where each process of a machine gets a GPU of its own, and by gloo for
    "cpu"; flags and objects always by gloo. SIGTERM, by which torchrun ends those that are left, interrupts like
    Ctrl-C. Of an error that ends all, the first process to meet it tells; the others leave with its exit code.

    Raises UserError where the processes do not find each other, or there are fewer GPUs than processes.
    """
    place = launched()
    if place.world == 1:
        yield place
        return
    global _joined
    terminate = signal.signal(signal.SIGTERM, signal.default_int_handler)
    ended_well = False
    try:
        _joined = _join(place, device, silence)
        yield place
        with _answered():
            dist.barrier(_joined.control)
        ended_well = True
    except (UserError, KeyboardInterrupt) as error:
        if _first_to_tell():
            raise
        raise SystemExit(2 if isinstance(error, UserError) else 130) from error
    finally:
        signal.signal(signal.SIGTERM, terminate)
        # NCCL would wait here for a process that is gone.
        if dist.is_initialized() and (ended_well or device != "cuda"):
            dist.destroy_process_group()
        _joined = _Joined()


def _join(place: Place, device: str, silence: timedelta) -> _Joined:
    if device == "cuda":
        if place.local_world > torch.cuda.device_count():
            raise UserError(
                f"--device cuda: {place.local_world} processes on a machine with {torch.cuda.device_count()} GPUs; "
                "start one process a GPU"
            )
        torch.cuda.set_device(place.local_rank)
    # Its functions take the group of the moment for their default: imported later, as an optimiser's first step does,
    # they would keep the group and its threads beyond the end, where the interpreter's own end aborts them.
    import_module("torch.distributed.nn.functional")
    try:
        store, rank, world = next(rendezvous("env://", timeout=silence))
        backend = "nccl" if device == "cuda" else "gloo"
        dist.init_process_group(backend, store=PrefixStore("run", store), rank=rank, world_size=world, timeout=silence)
        control = dist.new_group(backend="gloo", timeout=silence) if device == "cuda" else dist.group.WORLD
        # One may be joined, and end, while another still connects to it: that is no process that was not found.
        ready = PrefixStore("ready", store)
        if ready.add("count", 1) == world:
            ready.set("all", "1")
        ready.wait(["all"], silence)
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"torchrun: the processes did not find each other ({reason:.200}); start all again") from error
    return _Joined(place, store, control)


def _first_to_tell() -> bool:
    """Whether no other process has told of the end yet; true where that cannot be asked any more."""
    store, place = _joined.store, _joined.place
    if store is None:
        return True
    try:
        store.set_timeout(timedelta(seconds=5))
        told = store.add("ended", 1)
    except RuntimeError:
        return True
    if place.rank == 0:
        # The store goes with this process; torchrun's SIGTERM, where another died, only cuts the stay short.
        with suppress(RuntimeError, KeyboardInterrupt):
            deadline = time.monotonic() + PARTING.total_seconds()
            while store.add("ended", 0) < place.world and time.monotonic() < deadline:
                time.sleep(0.01)
    return told == 1


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise UserError(ENDED) from error


def wait_for_all() -> None:
    """Waits until every process is here, however long the slowest takes to read its data."""
    if current().world > 1:
        with _answered():
            dist.monitored_barrier(_joined.control, timeout=PREPARATION)


def gathered(tensor: Tensor) -> Tensor:
    """The processes' tensors `[n, ...]`, all of one shape, along the first axis in order of rank `[world * n, ...]`.

    A process's own part keeps its gradient, the others' are constants: of a loss that all compute alike from the whole,
    each process so gets the gradient with respect to its own part, and the sum over processes is the whole gradient.
    """
    place = current()
    if place.world == 1:
        return tensor
    own = tensor.detach().contiguous()
    parts = [torch.empty_like(own) for _ in range(place.world)]
    with _answered():
        dist.all_gather(parts, own)
    parts[place.rank] = tensor
    return torch.cat(parts)


def average(tensor: Tensor) -> Tensor:
    """The mean of the processes' tensors, whose gradient goes back to all of them."""
    return tensor if current().world == 1 else _Average.apply(tensor)


class _Average(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, tensor: Tensor) -> Tensor:
        return _reduced(tensor) / current().world

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return _reduced(gradient) / current().world


def _reduced(tensor: Tensor) -> Tensor:
    total = tensor.detach().clone(memory_format=torch.contiguous_format)
    with _answered():
        dist.all_reduce(total)
    return total


def sum_in_place(tensors: Sequence[Tensor], scale: float = 1.0) -> None:
    """Makes each tensor `scale` x the sum of all processes' in one exchange, to the same bits on all."""
    if current().world == 1 or not tensors:
        return
    total = _reduced(torch.cat([tensor.detach().reshape(-1) for tensor in tensors])) * scale
    for tensor, part in zip(tensors, total.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view(tensor.shape))


def any_of(flag: bool) -> bool:
    """Whether it is true in any process. Waits for the other processes, not for the GPU."""
    if current().world == 1:
        return flag
    shared = torch.tensor([flag], dtype=torch.uint8)
    with _answered():
        dist.all_reduce(shared, op=dist.ReduceOp.MAX, group=_joined.control)
    return bool(shared)


def from_first(thing: Thing) -> Thing:
    """What the first process holds; tensors in it must be on the CPU."""
    if current().world == 1:
        return thing
    held: list[Any] = [thing]
    with _answered():
        dist.broadcast_object_list(held, src=0, group=_joined.control)
    return held[0]


def from_each(thing: Thing) -> list[Thing]:
    """What every process holds, in order of rank; tensors in it must be on the CPU."""
    found: list[Any] = [thing]
    if current().world > 1:
        found = [None] * current().world
        with _answered():
            dist.all_gather_object(found, thing, group=_joined.control)
    return found


def check_same(state: Mapping[str, Tensor], when: str) -> None:
    """Raises UserError if the processes' tensors differ in a bit."""
    if current().world == 1:
        return
    digest = hashlib.sha256()
    for name, tensor in state.items():
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    check_alike(digest.hexdigest(), f"hold different weights {when}")


def check_alike(text: str, unlike: str) -> None:
    """Raises UserError, saying what two processes do that is `unlike`, if they hold different texts."""
    texts = from_each(text)
    if len(set(texts)) > 1:
        other = next(rank for rank, found in enumerate(texts) if found != texts[0])
        raise UserError(f"processes 0 and {other} {unlike}; give all the same command, files and versions")
