"""Where our own counters disagree on a module, on which operations, and why: from the contexts of stored records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DEPTH = 2
"""Names that a module shown may have: `trunk.layer1`, not what it holds."""

WHY: Mapping[str, Mapping[str, str]] = {
    "fvcore": {
        "normalisation": "counts two operations an element of a batch norm",
        "upsample_nearest2d": "counts an operation an element of the nearest-neighbour repetition",
    },
    "ptflops": {
        "normalisation": "counts two operations an element of a batch norm",
        "ReLU": "counts an operation an element of a ReLU module, by a hook on the module",
        "F.relu": "counts the same elements again, by a patch on the function that the ReLU module calls",
        "F.avg_pool2d": "counts an operation an element of average pooling",
        "F.interpolate": "counts an operation an element of the nearest-neighbour repetition",
        "convolution": "counts a convolution's bias, an operation an element",
    },
    "ptflops_aten": {"convolution": "counts a convolution's bias, an operation an element"},
}
"""What a counter does with an operation that the reference counts otherwise or not at all."""

UNEXPLAINED = "for a reason not known"


@dataclass(frozen=True)
class Disagreement:
    """A module on which a counter differs from the reference by more than 1 %, over all networks that it stands in.

    `low` and `high` bound the difference relative to the reference, `share` the module's greatest part of its network's
    MACs by the reference. `operations` maps each kind of operation to its part of the difference.
    """

    counter: str
    module: str
    low: float
    high: float
    share: float
    operations: Mapping[str, float]


def disagreements(contexts: Iterable[Mapping[str, Any]]) -> list[Disagreement]:
    """The disagreements that the records of some networks hold, by counter and module."""
    found: dict[tuple[str, str], list[tuple[float, float, Mapping[str, float]]]] = defaultdict(list)
    for context in contexts:
        whole = context["macs_per_clip"]["torch"]
        for one in context["disagreements"]:
            if one["module"].count(".") < DEPTH:
                relative = one["macs"] / one["reference"] - 1
                entry = (relative, one["reference"] / whole, one["operations"])
                found[one["counter"], one["module"]].append(entry)
    return [_joined(*key, entries) for key, entries in sorted(found.items())]


def reasons(found: Iterable[Disagreement]) -> list[tuple[str, str, str]]:
    """(counter, operation, why) for every operation on which counters disagree."""
    kinds = dict.fromkeys((one.counter, kind) for one in found for kind in one.operations)
    return [(counter, kind, WHY.get(counter, {}).get(kind, UNEXPLAINED)) for counter, kind in kinds]


def _joined(counter: str, module: str, entries: list[tuple[float, float, Mapping[str, float]]]) -> Disagreement:
    total: dict[str, float] = defaultdict(float)
    for _, _, operations in entries:
        for kind, macs in operations.items():
            total[kind] += macs
    whole = sum(map(abs, total.values()))
    parts = {kind: macs / whole for kind, macs in sorted(total.items(), key=lambda item: -abs(item[1]))}
    relative = [entry[0] for entry in entries]
    return Disagreement(counter, module, min(relative), max(relative), max(entry[1] for entry in entries), parts)
