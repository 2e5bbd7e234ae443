"""How the numbers of one table or of several came about: what is counted, data, recipe, protocol, machine, versions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from reidbench import registry
from reidbench.data.lookalikes import SYNTHETIC
from reidbench.data.splits import split_of
from reidbench.data.synthetic import LIMITS, SHOWS
from reidbench.deployment.backends import BACKENDS, EAGER, ran_on
from reidbench.doubts import STEADY, busy, unsteady
from reidbench.environment import TOLD
from reidbench.machine import PACKAGES
from reidbench.planning.plan import trained_by
from reidbench.reporting.documents.document import Part, Section, items, section
from reidbench.reporting.findings.recipe_text import recipe_text, settings_text
from reidbench.reporting.findings.scope import dataset_name, has_values
from reidbench.reporting.findings.throughputs import ended_at_a_fall
from reidbench.reporting.tables.layout import is_measured, seeds_text
from reidbench.reporting.tables.table import Heading, Table, lookalike_levels
from reidbench.retrieval.protocols import in_full
from reidbench.spec import IEEE, Record

FLOAT32 = ("fp32", IEEE)
"""Precisions of which it is told where a GPU rounds them to TF32."""

LEVELS = (
    "What the groups of look-alikes alone give is the accuracy of finding every group and telling none of its members "
    "apart. It is no lower bound: a row that also confuses groups has less."
)
SPLITS = (
    "the persons were divided at random, that often, into those to train on and those to test; each row is trained "
    "anew on each split, and its value is the mean over them. In parentheses stands the standard deviation over the "
    "splits. An interval covers the choice of persons, each drawn in all the splits that test it; one of a difference "
    "covers the spread over splits too, which are taken as independent although they share persons."
)
ELSEWHERE = (
    "The recipe's rates were chosen on the synthetic data, where they favour the rows with temporal kernels; no other "
    "method was tuned so."
)
"""What the notes of a preset with rates come to on another dataset: they tell of the synthetic one."""

HELD_BY_ALL = ("python", *PACKAGES)
"""Of what every record holds the version; others stand in those of a backend."""

DIGITS = 12
"""Of each fingerprint, where there are several."""

MANY = 5
"""Rows of one recipe that are named; more are called all others."""

SENTENCE = re.compile(r"(?<=\.) (?=[A-Z])")
"""Stands between two sentences."""

_PIXELS = re.compile(r", pixels [0-9a-f]{12}")
"""What tells two synthetic datasets of the same size apart in their descriptions; their fingerprints do so too."""


def methods(tables: Sequence[Table], place: str, machine: Mapping[str, Any]) -> list[Section]:
    """One section each on the columns, on training and data, and on the machine; what tables share stands there once.

    `place` is the machine's name, `machine` its description.
    """
    trained = {table.plan.name: list(_training(table)) for table in tables}
    sections = (
        section("Columns and counting rules", *_columns(tables)),
        section("Training and data", items(_together(trained))),
        section("Machine and versions", items(_machine(tables, place, machine))),
    )
    return [found for found in sections if found]


def doubts(table: Table, headings: Iterable[Heading] = ()) -> list[str]:
    """A line on all that puts times in doubt that the table shows, or some of its columns."""
    return list(dict.fromkeys(line for record in shown_records(table, headings) for line in _doubts(record)))


def shown_records(table: Table, headings: Iterable[Heading] = ()) -> list[Record]:
    """The records behind the values of a table, or of some of its columns."""
    entries = [entry for heading in headings or table.headings for entry in table.column(heading).values()]
    return [record for entry in entries if entry.estimate for record in entry.records]


def _columns(tables: Sequence[Table]) -> Iterator[Part | None]:
    """What each column counts, those that count the same in one line; then at which scale, and by what, they were, or
    are to be where nothing trained has a value."""
    trained = any(has_values(table, heading) for table in tables for heading in table.headings if heading.training)
    abouts: dict[str, dict[str, None]] = {}
    scales: dict[tuple[str, str], dict[str, None]] = {}
    for table in tables:
        for heading in table.headings:
            if is_measured(table.column(heading).values()):
                quantity = heading.quantity
                name = (heading.column.title if not heading.column.level[0] else "") or quantity.title
                better = f"{quantity.better} is better" if quantity.better else ""
                about = "; ".join(part for part in (quantity.about.rstrip("."), better) if part)
                abouts.setdefault(about, {})[name] = None
                scale, way = _scale(heading, table)
                at = "measured at" if trained or not heading.training else "to be measured at"
                scales.setdefault((f"{at} {scale}", way), {})[name] = None
    yield items(f"{'; '.join(names)}: {about}." for about, names in abouts.items())
    ways: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (scale, way), names in scales.items():
        ways.setdefault((scale, tuple(names)), []).append(way)
    yield items(
        f"{'; '.join(names)}: {scale}" + (f"; run on {' / '.join(ran)}." if any(ran) else ".")
        for (scale, names), ran in ways.items()
    )
    yield items(_backends(tables))


def _backends(tables: Sequence[Table]) -> Iterator[str]:
    """What each backend is whose columns hold a value, eager torch apart."""
    headings = [(table, heading) for table in tables for heading in table.headings]
    shown = [heading for table, heading in headings if is_measured(table.column(heading).values())]
    for name in dict.fromkeys(heading.settings.get("backend", EAGER) for heading in shown):
        if name in BACKENDS and name != EAGER:
            yield f"{name}: {BACKENDS[name].about}."


def _scale(heading: Heading, table: Table) -> tuple[str, str]:
    """At which scale a column is measured, and what ran it there."""
    settings = heading.settings
    threads = "threads" in settings and settings.get("device") != "cuda"
    more = [f"threads {settings['threads']}"] if threads else []
    if heading.training:
        scale = f"the scale of preset {table.plan.preset.name}"
        more.append(f"trained in {settings.get('recipe', {}).get('precision', 'fp32')}")
    else:
        shape = settings.get("shape")
        scale = "the paper's scale" + (f" (clips {' x '.join(map(str, shape))})" if shape else "")
    return ", ".join([scale, *more]), " ".join(ran_on(settings))


def _together(lines: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Each line once, in their first order; one that not every table has is followed by the names of those that do."""
    having = [name for name, own in lines.items() if own]
    for line in dict.fromkeys(line for own in lines.values() for line in own):
        names = [name for name in having if line in lines[name]]
        yield line if len(names) == len(having) else f"{line} (In {', '.join(names)}.)"


def _training(table: Table) -> Iterator[str]:
    """Dataset, protocol, recipe and seeds of the accuracy columns, and what the records say of data and trunk."""
    headings = [heading for heading in table.headings if heading.training]
    if not headings:
        return
    data = dict.fromkeys(line for heading in headings for line in _data(table, heading))
    # A column that no groups are known for says less of the same dataset than another.
    yield from (line for line in data if not any(other != line and other.startswith(line) for other in data))
    synthetic = any(dataset_name(table, heading) == SYNTHETIC for heading in headings)
    lookalikes = synthetic or any(lookalike_levels(table, heading) for heading in headings)
    yield from _recipes(table, lookalikes=lookalikes)
    if table.plan.splits.several:
        yield f"{table.plan.splits.text.capitalize()}: {SPLITS}"
    each = " of each split" if table.plan.splits.several else ""
    yet = "" if any(has_values(table, heading) for heading in headings) else ", not trained yet"
    yield f"Seeds: {seeds_text(table.plan.preset.seeds)} a row{each}{yet}."
    if options := _model_options(table):
        yield f"Model options of the preset: {options}."
    preset = table.plan.preset
    yield from [ELSEWHERE] if preset.recipe.rates and not synthetic else preset.notes
    if any(lookalike_levels(table, heading) for heading in headings):
        yield LEVELS
    contexts = [record.context for record in shown_records(table, headings)]
    yield from _abouts(contexts, "dataset_about", "What the data can and cannot show" if synthetic else "The data")
    # On other data only what the trunk was taught counts, not what it knows of the cues of the synthetic data.
    yield from _abouts(contexts, "trunk_about", "The trunk", sentences=None if synthetic else 1)


def _abouts(
    contexts: Sequence[Mapping[str, Any]], key: str, label: str, *, sentences: int | None = None
) -> Iterator[str]:
    """What records say under a key, each text once, or its first sentences."""
    for text in dict.fromkeys(_as_of_today(str(context[key])) for context in contexts if context.get(key)):
        yield f"{label}: {' '.join(SENTENCE.split(text)[:sentences])}"


def _as_of_today(about: str) -> str:
    """What a record says of its data or trunk, with the limits of the synthetic data in today's words."""
    facts, shows, _ = _PIXELS.sub("", about).partition(SHOWS)
    return f"{facts}{LIMITS}" if shows else facts


def _model_options(table: Table) -> str:
    """The options that the preset gives to the models of the table; all where one of these is not known here."""
    models, given = registry.models(), table.plan.preset.model_options
    named = {row.model for row in table.plan.suite.rows if row.model}
    has = {option for name in named & models.keys() for option in models[name].options}
    kept = (f"{name} {value}" for name, value in given.items() if name in has or not named <= models.keys())
    return ", ".join(kept)


def _data(table: Table, heading: Heading) -> Iterator[str]:
    """Dataset and protocol of an accuracy column, with what finding the groups of look-alikes alone gives there."""
    settings = heading.settings
    if "dataset" in settings:
        dataset = settings["dataset"]
        options = ", ".join(f"{name} {value}" for name, value in dataset.get("options", {}).items())
        subset = " A SUBSET of the published dataset." if dataset.get("subset") else ""
        detail = f", options: {options}" if options else ""
        levels = [f"{title} {100 * level:.1f} %" for title, level in lookalike_levels(table, heading).items()]
        groups = f" The groups of look-alikes alone give {'; '.join(levels)}." if levels else ""
        prints = _fingerprints(table, heading)
        many = "s" if len(prints) > 1 else ""
        yield f"Dataset: {dataset['name']}, fingerprint{many} {', '.join(prints)}{detail}.{subset}{groups}"
    if "protocol" in settings:
        protocol = settings["protocol"]
        yield f"Protocol {protocol['name']}: {in_full(protocol.get('about', ''))}."


def _fingerprints(table: Table, heading: Heading) -> list[str]:
    """That of the dataset of a column, or the first digits of each split's; "none" where one was never opened here."""
    cells = [cell for row in table.plan.suite.rows for cell in table.plan.cells.get((row.name, heading.index), ())]
    found = {split_of(cell.settings): cell.settings["dataset"]["fingerprint"] for cell in cells}
    if len(found) == 1:
        return list(found.values())
    return [found[split][:DIGITS] or "none" for split in sorted(found, key=lambda split: split or 0)]


def _recipes(table: Table, *, lookalikes: bool) -> Iterator[str]:
    """Each recipe with its rows, that of many rows last and without their names; then what single rows have otherwise,
    and the clips of other lengths.

    Where the data have no `lookalikes`, none can be kept together.
    """
    found: dict[str, dict[str, int]] = {}
    plan, own = table.plan, {row.name: row for row in table.plan.suite.rows if row.recipe}
    presets = {name: trained_by(replace(row, recipe={}), plan.preset) for name, row in own.items()}
    usual, each_its_own = plan.preset.recipe.frames, "frames" in plan.own
    trained = [(row, cell) for (row, _), cells in plan.cells.items() for cell in cells if "recipe" in cell.settings]
    for row, cell in trained:
        recipe, model = cell.settings["recipe"], registry.models().get(cell.model)
        shared = asdict(presets[row]) if row in own else recipe
        grouped = lookalikes and shared.get("grouped", False)
        frames = recipe["frames"] if each_its_own else usual
        text = recipe_text({**shared, "frames": frames, "grouped": grouped}, model.trunk if model else "")
        found.setdefault(text, {})[row] = recipe["frames"]
    most = max(found, key=lambda text: len(found[text]), default="")
    unnamed = most if len(found.get(most, ())) > MANY else ""
    for text in sorted(found, key=lambda text: text == unnamed):
        whose = "" if len(found) == 1 else " of all other rows" if text == unnamed else f" of {'; '.join(found[text])}"
        yield f"Recipe{whose}: {text}"
    changes: dict[str, dict[str, None]] = {}
    for row in dict.fromkeys(row for row, _ in trained if row in own):
        if trained_by(own[row], plan.preset) != presets[row]:
            changes.setdefault(settings_text(own[row].recipe), {})[row] = None
    for text, rows in changes.items():
        yield f"Otherwise of {'; '.join(rows)}: {text}."
    others = {row: frames for rows in found.values() for row, frames in rows.items() if frames != usual}
    if others and not each_its_own:
        yield f"Clips of another length: {'; '.join(f'{row} ({frames} frames)' for row, frames in others.items())}."


def _machine(tables: Sequence[Table], place: str, machine: Mapping[str, Any]) -> Iterator[str]:
    yield f"{place}: " + ", ".join(f"{name} {value}" for name, value in machine.items() if value)
    shown = [record for table in tables for record in shown_records(table)]
    yield from dict.fromkeys(line for record in shown for line in _versions("Versions", record, HELD_BY_ALL))
    backends = {name for record in shown for name in record.versions} - {*HELD_BY_ALL, *TOLD}
    yield from dict.fromkeys(line for record in shown for line in _versions("Backend", record, backends))
    yield from dict.fromkeys(line for record in shown for line in _versions("Environment", record, TOLD))
    yield from dict.fromkeys(line for record in shown for line in _gpu_software(record))
    if shown:
        started = sorted(record.started for record in shown)
        yield f"Measured from {started[0]} to {started[-1]}; {len({r.key for r in shown})} records."
    yield from dict.fromkeys(line for record in shown for line in _doubts(record))


def _versions(label: str, record: Record, names: Collection[str]) -> Iterator[str]:
    """One line of those versions, or variables, that a record holds; none where it holds none."""
    told = [f"{name} {version}" for name, version in sorted(record.versions.items()) if version and name in names]
    if told:
        yield f"{label}: {', '.join(told)}"


def _gpu_software(record: Record) -> Iterator[str]:
    """What a record made on a GPU says of it: the software, and what float32 means there."""
    context = record.context
    if not {"gpu", "cuda", "cudnn", "cudnn_benchmark", "tf32_convolutions", "tf32_products"} <= context.keys():
        return
    rounded = [name for name in ("convolutions", "products") if context[f"tf32_{name}"]]
    how = f"TF32 in {' and '.join(rounded)}" if rounded else "nowhere rounded to TF32"
    tuned = "tries its algorithms first" if context["cudnn_benchmark"] else "chooses its algorithms by rules"
    precision = record.cell["settings"].get("precision", "fp32")
    float32 = f"; {precision} is {how}" if precision in FLOAT32 else ""
    yield f"{context['gpu']}: CUDA {context['cuda']}, cuDNN {context['cudnn']}, which {tuned}{float32}."


def _doubts(record: Record) -> Iterator[str]:
    """Why the times of a record are in doubt; the same lines for all rows of a session that something disturbed."""
    where = ", ".join(ran_on(record.cell["settings"]))
    session = f"the session of {record.cell['measurement']} on {where}, {record.started}"
    mend = "distrust its times, or measure again with --fresh when nothing else runs"
    if busy(record):
        load = record.context["other_load"]
        yield f"The machine was busy (other processes used {load:.2f} cores) during {session}: {mend}."
    if unsteady(record):
        yield f"Readings scatter (medians above {STEADY} times the fastest) in {session}: {mend}."
    if clips := ended_at_a_fall(record):
        fell = f"ended at {clips} clips, where its rate fell"
        more = "more clips may be faster, and --fresh tries them"
        yield f"The search for the best batch of {record.row} {fell}, in {session}: {more}."
