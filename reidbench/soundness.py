"""Whether what was read from a file is a record or a machine's description: types, key, and samples that go together.

Each function returns what is wrong in a few words, "" if nothing is. Imports no torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import Any

from reidbench import registry
from reidbench.spec import STATUSES, Quantity, Record, key_of

CELL_FIELDS: Mapping[str, type] = {
    "measurement": str,
    "model": str,
    "options": dict,
    "settings": dict,
    "source": str,
}
"""What of a cell's identity its readers rely on."""

SETTINGS: Mapping[str, Mapping[str, type]] = {
    "dataset": {"name": str, "fingerprint": str, "options": dict, "subset": bool},
    "protocol": {"name": str},
    "recipe": {"size": list},
    "reference": {"source": str},
}
"""The objects among a cell's settings, where it has them, and the types that their readers rely on."""

NAMES = ("name", "fingerprint")
"""What of these must be there."""

LARGEST = 1e100
"""No measurement gives more, nor a time so near 0 as its inverse: what is made of such numbers would not be finite."""

DEEPEST = 32
"""Lists and objects inside each other; a record has eight."""

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters by which a text could command a terminal: it is shown there and in reports. Line ends and tabs may be."""


def record_fault(record: Record) -> str:
    """What in a record from a file is of another type than `Record` and `Cell.identity` say, or contradicts itself."""
    for name in ("key", "row", "status", "machine", "started", "error"):
        if not isinstance(getattr(record, name), str):
            return f"{name} is no text"
    if record.status not in STATUSES:
        return f"unknown status {record.status!r}"
    for name in ("cell", "values", "samples", "context", "versions"):
        if not isinstance(getattr(record, name), Mapping):
            return f"{name} is no object"
    for name, version in record.versions.items():
        if not isinstance(version, str):
            return f"versions.{name} is no text"
    if not _is_number(record.seconds):
        return "seconds is no finite number"
    return cell_fault(record.cell, record.key) or _numbers_fault(record)


def machine_fault(facts: Mapping[str, Any]) -> str:
    """What in a machine's description is not as `machine.describe` writes it."""
    if not isinstance(facts.get("gpu"), str):
        return "gpu is no text"
    cores = facts.get("cores")
    if isinstance(cores, bool) or not isinstance(cores, int) or not 0 < cores < LARGEST:
        return "cores is no number of cores"
    odd = [name for name, value in facts.items() if not isinstance(value, str) and not _is_number(value)]
    return f"{odd[0]} is neither a text nor a number" if odd else ""


def tree_fault(content: Any) -> str:
    """What of JSON some reader or writer could not take: deep nesting, halves of characters, numbers like 1e999; and
    characters that command a terminal."""
    level = [content]
    for _ in range(DEEPEST):
        texts = [name for node in level if isinstance(node, dict) for name in node]
        inner: list[Any] = []
        parts = (node.values() if isinstance(node, dict) else node for node in level if not _are_plain_numbers(node))
        for part in chain.from_iterable(parts):
            if isinstance(part, str):
                texts.append(part)
            elif isinstance(part, (dict, list)):
                inner.append(part)
            elif part is not None and not -LARGEST <= part <= LARGEST:
                return f"a number beyond {LARGEST:g}"
        joined = "".join(texts)
        try:
            joined.encode()
        except UnicodeEncodeError:
            return "a text that is no Unicode"
        if CONTROLS.search(joined):
            return "a text with control characters"
        if not inner:
            return ""
        level = inner
    return f"more than {DEEPEST} lists or objects inside each other"


def samples_fault(samples: Mapping[str, list[float]], quantities: Iterable[Quantity]) -> str:
    """Which samples cannot be of the same readings, for they are not equally many, or a divisor is 0."""
    leaders = {sample: "identity" for sample in samples if "identity" in samples}
    for quantity in quantities:
        for sample in filter(None, (quantity.sample, quantity.where)):
            leaders[sample] = quantity.by or quantity.over or leaders.get(sample, sample)
        leaders[quantity.by] = quantity.by
        if min(samples.get(quantity.over, ()), default=1.0) < 1 / LARGEST:
            return f"samples.{quantity.over} holds what is no time"
    for sample, leader in leaders.items():
        own, others = samples.get(sample), samples.get(leader)
        if own and others and len(own) != len(others):
            return f"samples.{sample} has {len(own)} readings and samples.{leader} {len(others)}"
    return ""


def cell_fault(cell: Mapping[str, Any], key: str) -> str:
    for name, kind in CELL_FIELDS.items():
        if not isinstance(cell.get(name), kind):
            return f"cell.{name} is missing or of another type"
    if not cell["measurement"].isidentifier():  # it is a folder's name, and must not lead elsewhere
        return "cell.measurement is no name"
    for name, fields in SETTINGS.items():
        setting = cell["settings"].get(name, {})
        if not isinstance(setting, dict):
            return f"cell.settings.{name} is no object"
        for inner, kind in fields.items() if name in cell["settings"] else ():
            if not isinstance(setting.get(inner), kind) and (inner in setting or inner in NAMES):
                return f"cell.settings.{name}.{inner} is missing or of another type"
    size = cell["settings"].get("recipe", {}).get("size", [1, 1])
    if len(size) != 2 or not all(isinstance(pixels, int) for pixels in size):
        return "cell.settings.recipe.size is no height and width"
    return "" if key_of(cell) == key else f"its key {key[:20]!r} is not that of its cell"


def _numbers_fault(record: Record) -> str:
    for name, value in record.values.items():
        if not _is_number(value):
            return f"values.{name} is no finite number"
    for name, readings in record.samples.items():
        if not isinstance(readings, list) or not (_are_plain_numbers(readings) or all(map(_is_number, readings))):
            return f"samples.{name} is no list of finite numbers"
    load = record.context.get("other_load", 0)
    if not _is_number(load):
        return "context.other_load is no finite number"
    lacking, packages = record.context.get("lacking", {}), record.context.get("not_installed", [])
    if not isinstance(lacking, dict) or not all(isinstance(reason, str) for reason in lacking.values()):
        return "context.lacking names no reasons"
    if not isinstance(packages, list) or not all(isinstance(p, str) and p.isidentifier() for p in packages):
        return "context.not_installed is no list of packages"
    found = registry.measurements().get(record.cell["measurement"])
    return samples_fault(record.samples, found.quantities.values() if found else ())


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def _are_plain_numbers(values: Collection[Any]) -> bool:
    """Whether these are a list of JSON's numbers of which `_is_number` holds, told without a call for each: there are
    millions of readings."""
    if not isinstance(values, list) or not set(map(type, values)) <= {int, float}:
        return False
    # NaN hides from `min` and `max`, but not from the sum.
    return not values or (min(values) >= -LARGEST and max(values) <= LARGEST and not math.isnan(sum(values)))
