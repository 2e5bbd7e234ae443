"""Writes a suite's report: one Markdown file with its figures beside it, from stored records alone. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench.files import write_text
from reidbench.reporting.blocks import block_title, blocks, escape, is_measured, markdown, seeds_text
from reidbench.reporting.findings import findings
from reidbench.reporting.tables import Heading, Table, lookalike_floors
from reidbench.spec import Record
from reidbench.statistics import FEWEST_READINGS

if TYPE_CHECKING:
    from reidbench.plan import Plan
    from reidbench.store import Store

LEGEND = (
    "After ± stands half the width of the 95 % bootstrap interval: over query identities for an accuracy (seeds "
    f"pooled), over rounds for a latency; a median of fewer than {FEWEST_READINGS} readings has none and stands alone. "
    "In parentheses: the standard deviation over training seeds. Bold: the best of its column by more than the "
    "measured noise, for times only among rows of one session. Published values are as printed; a difference "
    "(measured minus published) is given where the two are comparable."
)
BOLD = "Every bold value was tested against each other row of its column without correction for several comparisons."
BUSY_CORES = 0.25
"""Cores that other processes used during a session, on average, above which its times are called into doubt."""


def write_report(table: Table, store: Store, *, command: str = "") -> list[Path]:
    """Writes `<machine>/<suite>.md` and its figures into the results folder, each file whole or not at all.

    `command` is the command line to print as the report's origin; without it one is made from the plan. Returns the
    paths written. Raises UserError for a folder that cannot be written.
    """
    from reidbench.reporting.figures import draw_figures

    plan = table.plan
    figures = draw_figures(table, store.folder / plan.name)
    path = store.folder / f"{plan.name}.md"
    write_text(path, report_text(table, store.machine(), figures, command or _command(plan)))
    return [path, *figures]


def report_text(table: Table, machine: Mapping[str, Any], figures: Iterable[Path], command: str) -> str:
    """The report as Markdown. `figures` are the files to show: SVG where there is one."""
    suite = table.plan.suite
    sections = [
        f"# {escape(suite.title)}",
        *([escape(f"Source: {suite.source}.")] if suite.source else []),
        f"Made by `{command}` on {escape(table.machine)}. Preset {escape(_preset(table))}",
        *(escape(note) for note in suite.notes),
        *_tables(table),
        *_section("Findings", findings(table)),
        *(f"![{caption}]({name})" for name, caption in _pictures(figures)),
        *_section("What is joined unequal", table.warnings),
        *_section("Cells without a fresh value", _gaps(table)),
        *_section("Columns", _columns(table)),
        *_section("Training and data", _training(table)),
        *_section("Machine and versions", _machine(table, machine)),
    ]
    return "\n\n".join(sections) + "\n"


def _tables(table: Table) -> Iterator[str]:
    for block in blocks(table):
        yield f"## {escape(block.title)}"
        yield markdown(block)
    yield escape(" ".join([LEGEND, *([BOLD] if any(heading.best for heading in table.headings) else [])]))


def _section(title: str, lines: Iterable[str]) -> list[str]:
    items = [f"- {escape(line)}" for line in lines]
    return [f"## {title}", "\n".join(items)] if items else []


def _pictures(figures: Iterable[Path]) -> Iterator[tuple[str, str]]:
    from reidbench.reporting.figures import caption

    for path in figures:
        if path.suffix == ".svg":
            yield path.name, caption(path)


def _gaps(table: Table) -> Iterator[str]:
    """Every state that is not "ok", once a measurement, with the rows it concerns."""
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for heading in table.headings:
        for name, entry in table.column(heading).items():
            if entry.state not in ("ok", "published"):
                what = f"{heading.column.measurement} ({block_title(heading, table)})"
                found.setdefault((what, entry.state, entry.reason), {})[name] = None
    rows = len(table.plan.suite.rows)
    for (what, state, reason), names in found.items():
        which = "all rows" if len(names) == rows else ", ".join(names)
        yield f"{what}: {state}, {which}: {reason}"


def _columns(table: Table) -> Iterator[str]:
    """What each column counts, those measured alike together."""
    groups: dict[str, list[str]] = {}
    for heading in table.headings:
        if is_measured(table.column(heading).values()):
            quantity = heading.quantity
            better = f"{quantity.better} is better" if quantity.better else ""
            about = "; ".join(part for part in (quantity.about.rstrip("."), better) if part)
            groups.setdefault(_scale(heading, table), []).append(f"{heading.column.title or quantity.title}: {about}.")
    for scale, abouts in groups.items():
        yield f"At {scale}. {' '.join(abouts)}"


def _scale(heading: Heading, table: Table) -> str:
    settings = heading.settings
    names = ("device", "precision", "backend")
    parts = [f"{name} {settings[name]}" for name in names if name in settings]
    if "threads" in settings and settings.get("device") != "cuda":
        parts.append(f"threads {settings['threads']}")
    if heading.training:
        scale = f"the scale of preset {table.plan.preset.name}"
        parts.append(f"precision {settings.get('recipe', {}).get('precision', 'fp32')}")
    else:
        shape = settings.get("shape")
        scale = "the paper's scale" + (f" (clips {' x '.join(map(str, shape))})" if shape else "")
    return ", ".join([scale, *parts])


def _preset(table: Table) -> str:
    return f"{table.plan.preset.name}: {table.plan.preset.about}."


def _training(table: Table) -> Iterator[str]:
    """Dataset, protocol, recipe and seeds of the accuracy columns, and what the records say of data and trunk."""
    heading = next((heading for heading in table.headings if heading.training), None)
    if heading is None:
        return
    settings = heading.settings
    if "dataset" in settings:
        dataset = settings["dataset"]
        options = ", ".join(f"{name} {value}" for name, value in dataset.get("options", {}).items())
        subset = " A SUBSET of the published dataset." if dataset.get("subset") else ""
        detail = f", options: {options}" if options else ""
        yield f"Dataset: {dataset['name']}, fingerprint {dataset['fingerprint']}{detail}.{subset}"
    if "protocol" in settings:
        protocol = settings["protocol"]
        yield f"Protocol {protocol['name']}: {protocol.get('about', '')}."
    yield f"Seeds: {seeds_text(table.plan.preset.seeds)} a row."
    if "recipe" in settings:
        yield f"Recipe: {recipe_text(settings['recipe'])}"
    if table.plan.preset.model_options:
        options = ", ".join(f"{name} {value}" for name, value in table.plan.preset.model_options.items())
        yield f"Model options of the preset: {options}."
    yield from table.plan.preset.notes
    floors = [f"{title} {100 * floor:.1f} %" for title, floor in lookalike_floors(table, heading).items()]
    if floors:
        yield f"Floor: a model that finds every group of look-alikes and tells none apart has {'; '.join(floors)}."
    contexts = [record.context for record in _records(table, heading)]
    for key, label in (("dataset_about", "What the data can and cannot show"), ("trunk_about", "The trunk")):
        for text in dict.fromkeys(str(context[key]) for context in contexts if context.get(key)):
            yield f"{label}: {text}"


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """A recipe's settings (`spec.Recipe` as a mapping) in words."""
    height, width = recipe["size"]
    clips = recipe["identities"] * recipe["clips_per_identity"]
    length = f"{recipe['steps']} steps" if recipe["steps"] else f"{recipe['epochs']} epochs"
    if recipe["schedule"] == "cosine":
        decay = f"cosine decay after {recipe['warmup_steps']} warm-up steps"
    else:
        decay = f"times {recipe['gamma']} at epochs {', '.join(map(str, recipe['milestones']))}"
    rates = ", ".join(f"{name} x{factor}" for name, factor in recipe.get("rates", {}).items())
    return (
        f"{length} of {clips} clips ({recipe['identities']} identities x {recipe['clips_per_identity']}"
        f"{', look-alikes together' if recipe.get('grouped') else ''}), {recipe['frames']} frames of {height}x{width} "
        f"pixels every {recipe['stride']}; Adam {recipe['lr']:g}{f' ({rates})' if rates else ''}, weight decay "
        f"{recipe['weight_decay']:g}, {decay}; cross entropy + {recipe['metric_weight']:g} x {recipe['metric_loss']} "
        f"(margin {recipe['margin']:g}); flip {recipe['flip']:g}, erasing {recipe['erase']:g}; trunk from "
        f"{recipe['trunk'] or 'random weights'}; {recipe['precision']}."
    )


def _machine(table: Table, machine: Mapping[str, Any]) -> Iterator[str]:
    yield f"{table.machine}: " + ", ".join(f"{name} {value}" for name, value in machine.items() if value)
    shown = [r for heading in table.headings for r in _records(table, heading)]
    for versions in dict.fromkeys(tuple(sorted(record.versions.items())) for record in shown):
        yield "Versions: " + ", ".join(f"{name} {version}" for name, version in versions if version)
    if shown:
        started = sorted(record.started for record in shown)
        yield f"Measured from {started[0]} to {started[-1]}; {len({r.key for r in shown})} records."
    yield from dict.fromkeys(line for record in shown for line in _disturbance(record))


def _disturbance(record: Record) -> Iterator[str]:
    """What else the machine did during the session of a record; the same line for all rows of the session."""
    load = record.context.get("other_load")
    if load is None:
        return
    settings = record.cell["settings"]
    where = ", ".join(str(settings[name]) for name in ("device", "precision") if name in settings)
    session = f"the session of {record.cell['measurement']} on {where}, {record.started}"
    if load > BUSY_CORES:
        yield f"The machine was busy (other processes used {load:.2f} cores) during {session}: distrust its times."
    else:
        yield f"Other processes used {load:.2f} cores during {session}."


def _records(table: Table, heading: Heading) -> list[Record]:
    return [record for entry in table.column(heading).values() if entry.estimate for record in entry.records]


def _command(plan: Plan) -> str:
    settings = f"--preset {plan.preset.name} --dataset {plan.dataset} --seeds {plan.preset.seeds}"
    return f"python bench.py {plan.name} {settings}{f' --only {plan.only}' if plan.only else ''}"
