"""What it takes to score a gallery of any size: time beside that of the distances alone, and memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reidbench.profiling.latency import Timings, interleave
from reidbench.profiling.load import Load
from reidbench.profiling.memory import added_privately
from reidbench.retrieval.features import Features
from reidbench.retrieval.metrics import evaluate
from reidbench.retrieval.random_features import random_features
from reidbench.retrieval.similarity import similarity_blocks
from reidbench.spec import Protocol


@dataclass(frozen=True)
class Scale:
    """Seconds of `scoring` all queries (mAP, CMC, mINP) and of the `product` alone, taken in turns.

    `added` is the memory that scoring takes beyond the features, in bytes; None where the system does not tell.
    """

    scoring: list[float]
    product: list[float]
    added: int | None


def time_scoring(
    file: Path,
    *,
    queries: int,
    gallery: int,
    dimension: int,
    rounds: int,
    load: Load | None = None,
    after_round: Callable[[int, Timings], None] | None = None,
) -> Scale:
    """Scores random queries against a gallery whose vectors are in a memory-mapped `file`, made here and removed.

    `load` watches what other processes do while something is timed. Raises UserError where the disk has no room.
    """
    try:
        query, everyone = random_features(file, queries, gallery, dimension)
        # The first time the file is read and the threads are started; it is watched, and not timed.
        added = added_privately(lambda: evaluate(query, everyone, Protocol()))
        runs = {
            "scoring": lambda: evaluate(query, everyone, Protocol()),
            "product": lambda: _product(query, everyone),
        }
        timings = interleave(runs, rounds=rounds, warmup=0, load=load, after_round=after_round)
    finally:
        file.unlink(missing_ok=True)
    return Scale(timings.seconds["scoring"], timings.seconds["product"], added)


def _product(query: Features, gallery: Features) -> None:
    """The whole distance matrix, each of its blocks once."""
    for block in similarity_blocks(query, gallery, Protocol()):
        for part in block.parts:
            block.part(part)
