"""What `list NAME` shows: a model's or a dataset's options, a suite's rows, a measurement's quantities, a preset's
settings. Imports no torch."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

from reidbench import presets, registry
from reidbench.discovery.entries import Entry
from reidbench.discovery.source import REQUIRED, parse
from reidbench.program import program
from reidbench.reporting.documents.block import titled
from reidbench.spec import NO_TRUNK, Suite, UserError

HIDDEN = ("classes", "root", "subset")
"""Arguments that no --set or --data gives: the commands do, or options of their own."""

CHOICES = "CHOICES"
"""The name under which a file may keep what its options can be: {"attention": ("dao", "none")}."""


FIELD, MARK = "rivals", "approximate"
"""The suite that has a row of every method, and the word for those that are not the published one in every respect."""


def about_models() -> dict[str, str]:
    """The line about each model, with the word where its row of the field is marked so."""
    marked = {row.model for row in registry.suite(FIELD).rows if row.approximate}
    abouts = {name: entry.about for name, entry in registry.models().items()}
    untold = {name for name in marked & abouts.keys() if MARK not in abouts[name]}
    return {name: f"{text.removesuffix('.')}; {MARK}." if name in untold else text for name, text in abouts.items()}


def facts_of(name: str) -> list[dict[str, Any]]:
    """What there is to know of all that has a name, as plain values. Raises UserError where nothing has it."""
    kinds: dict[str, tuple[Iterable[str], Callable[[str], dict[str, Any]]]] = {
        "model": (registry.models(), lambda name: _entry_facts("model", registry.models()[name])),
        "dataset": (registry.datasets(), lambda name: _entry_facts("dataset", registry.datasets()[name])),
        "suite": (registry.suite_paths(), _suite_facts),
        "measurement": (registry.measurements(), _measurement_facts),
        "preset": (list(presets.PRESETS), _preset_facts),
    }
    if found := [facts(name) for names, facts in kinds.values() if name in names]:
        return found
    hint = registry.nearest(
        name, [one for names, _ in kinds.values() for one in names], f"; {program()} list names all"
    )
    *first, last = kinds
    raise UserError(f"no {', '.join(first)} or {last} is named {name!r}{hint}")


def lines_of(facts: Mapping[str, Any]) -> list[str]:
    """Those facts as lines, the options with the flag that gives them."""
    head = [f"{facts['kind']} {facts['name']}", "", *facts["about"].splitlines()]
    if facts.get("trunk") == NO_TRUNK:
        head += ["", "on no known trunk: starts as it is built, --weights imagenet and synthetic do not apply"]
    if "rows" in facts:
        return [*head, "", "rows, for --rows", *(f"  {number:>2}  {row}" for number, row in facts["rows"].items())]
    if "quantities" in facts:
        return [*head, "", f"quantities, for Column({facts['name'] + '.QUANTITY'!r})", *_table(facts["quantities"])]
    if "settings" in facts:
        return [*head, "", "settings", *_table({name: _plain(value) for name, value in facts["settings"].items()})]
    flag = "--set" if facts["kind"] == "model" else "--data"
    options = facts.get("options", {})
    if facts["kind"] == "suite":
        return head
    if not options:
        return [*head, "", "no options"]
    lines = _table({option: _option_text(about) for option, about in options.items()})
    return [*head, "", f"options, for {flag} OPTION=VALUE, with their defaults", *lines]


def _table(lines: Mapping[str, str]) -> list[str]:
    """Names with what is said of each beside them."""
    width = max(map(len, lines))
    return [f"  {name:<{width}}  {text}" for name, text in lines.items()]


def _plain(value: Any) -> str:
    """A setting in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(own).replace(', ', ' ')}" for name, own in value.items()) or "-"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value)) or "-"
    return "-" if value == "" else f"{value:g}" if isinstance(value, float) else str(value)


def _option_text(about: Mapping[str, Any]) -> str:
    text = repr(about["default"]) if "default" in about else "(required)"
    return f"{text}  of {', '.join(map(repr, about['choices']))}" if "choices" in about else text


def _entry_facts(kind: str, entry: Entry) -> dict[str, Any]:
    tree = parse(entry.path)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == entry.function)
    about = inspect.cleandoc(ast.get_docstring(function) or "")
    told = about_models()[entry.name] if kind == "model" else entry.about
    if entry.preset:
        about = f"{told}\n\n{about}"
    elif told != entry.about:
        about = about.replace(entry.about, told, 1)
    choices = _choices(tree)
    options = {
        name: {
            **({} if default is REQUIRED else {"default": default}),
            **({"choices": choices[name]} if name in choices else {}),
        }
        for name, default in {**entry.options, **entry.preset}.items()
        if name not in HIDDEN
    }
    trunk = {"trunk": entry.trunk} if kind == "model" else {}
    return {"kind": kind, "name": entry.name, "about": about, **trunk, "options": options}


def _choices(tree: ast.Module) -> dict[str, list[Any]]:
    """What the options of a file can be, as its literal `CHOICES` has it; nothing where it has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == CHOICES for target in node.targets):
            try:
                return {str(name): list(values) for name, values in ast.literal_eval(node.value).items()}
            except (ValueError, TypeError, AttributeError):
                return {}
    return {}


def _measurement_facts(name: str) -> dict[str, Any]:
    found = registry.measurements()[name]
    known = {
        field: "; ".join(
            part
            for part in (
                titled(quantity.title, "" if quantity.unit in quantity.title else quantity.unit),
                quantity.about.rstrip("."),
                f"{quantity.better} is better" if quantity.better else "",
            )
            if part
        )
        for field, quantity in found.quantities.items()
    }
    return {"kind": "measurement", "name": name, "about": found.about, "quantities": known}


def _preset_facts(name: str) -> dict[str, Any]:
    """A preset's dataset, seeds and options, then its recipe, with what is otherwise on some data or for a model."""
    preset = presets.PRESETS[name]
    settings: dict[str, Any] = {"dataset": preset.dataset, "seeds": preset.seeds}
    settings |= {"dataset options": dict(preset.dataset_options), "model options": dict(preset.model_options)}
    usual = asdict(preset.recipe)
    settings |= usual
    settings |= {f"on {dataset}": dict(own) for dataset, own in preset.by_dataset.items()}
    settings |= {f"rates with trunk {trunk}": dict(own) for trunk, own in preset.rates_by_trunk.items()}
    for recipe, alike in groupby(preset.by_model, key=lambda model: preset.by_model[model]):
        settings[f"for {', '.join(alike)}"] = {name: v for name, v in recipe.items() if v != usual[name]}
    return {"kind": "preset", "name": name, "about": "\n\n".join([preset.about, *preset.notes]), "settings": settings}


def _suite_facts(name: str) -> dict[str, Any]:
    about = inspect.cleandoc(ast.get_docstring(parse(registry.suite_paths()[name])) or "")
    members: Mapping[str, Suite] = registry.suites_of(name)
    if list(members) != [name]:
        about = f"{about}\n\nRuns {', '.join(members)}."
        return {"kind": "suite", "name": name, "about": about}
    rows = {number: row.name for number, row in enumerate(members[name].rows, 1)}
    return {"kind": "suite", "name": name, "about": about, "rows": rows}
