"""What each command does. Each function takes the parsed arguments and returns the exit code. Imports no torch."""

from __future__ import annotations

import ast
import json
import shutil
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reidbench import machine, presets, registry
from reidbench.spec import Cell, Column, Places, Row, Suite, UserError, canonical_json
from reidbench.store import Store, machines

if TYPE_CHECKING:
    from reidbench.plan import Plan, Request
    from reidbench.reporting.tables import Table


def list_everything(arguments: Namespace) -> int:
    """Prints every registered thing with one line."""
    groups = {
        "models": {name: entry.about for name, entry in registry.models().items()},
        "datasets": {name: entry.about for name, entry in registry.datasets().items()},
        "suites": {name: registry.suite_about(name) for name in registry.suite_paths()},
        "measurements": {name: found.about for name, found in registry.measurements().items()},
        "presets": {name: preset.about for name, preset in presets.PRESETS.items()},
    }
    if arguments.json:
        _print_json(groups)
        return 0
    for title, entries in groups.items():
        print(title)
        for name, about in entries.items():
            print(f"  {name:<14} {about}")
    return 0


def run_suite(arguments: Namespace) -> int:
    """Measures what a suite lacks and writes its report."""
    return _run(registry.suites_of(arguments.command), arguments)


def report(arguments: Namespace) -> int:
    """Writes the report of one suite, or one of several, from the records of one machine."""
    from reidbench.plan import make_plan
    from reidbench.reporting.writing import check_formats

    suites = {name: suite for asked in arguments.suites for name, suite in registry.suites_of(asked).items()}
    check_formats(arguments.format)
    store = Store(arguments.results, _recorded_machine(arguments))
    if len(suites) == 1:
        (name, suite), *_ = suites.items()
        _report(make_plan(name, suite, _request(arguments), store), store, arguments, suite)
    else:
        _report_several(suites, store, arguments)
    return 0


def profile(arguments: Namespace) -> int:
    """Measures every cost of one model, beside the suite `table2`'s reference row."""
    table2 = registry.suite("table2")
    reference = next(row for row in table2.rows if row.name == table2.reference)
    options = _model_options(arguments)
    label = " ".join((arguments.model, *(f"{name}={value}" for name, value in options.items())))
    rows = (reference, Row(label, arguments.model, options))
    columns = tuple(column for column in table2.columns if _measures_cost(column, arguments.device))
    suite = Suite(f"Costs of {label}", rows, columns, reference.name)
    arguments.only = "cost"
    return _run({"profile": suite}, arguments)


def train(arguments: Namespace) -> int:
    """Trains one model into a folder, going on from the checkpoint that lies there."""
    from reidbench.accuracy import train_cell
    from reidbench.training.checkpoint import save_model

    cell, plan_places = _accuracy_cell(arguments, arguments.seed)
    folder = Path(arguments.out)
    model, _, result = train_cell(cell, plan_places, folder, _print_progress)
    path = folder / "model.pt"
    save_model(path, model, name=cell.model, options=cell.identity["options"], about={"cell": cell.key})
    return _print_result({"weights": str(path), "steps": result.steps, "seconds": round(result.seconds, 1)}, arguments)


def evaluate(arguments: Namespace) -> int:
    """Scores one model with given weights on the queries of a dataset."""
    from reidbench.accuracy import load_trained, open_dataset, prepare_device, score
    from reidbench.statistics import estimate

    cell, places = _accuracy_cell(arguments, 0)
    model = load_trained(cell, Path(arguments.checkpoint))
    dataset = open_dataset(cell.settings["dataset"], places)
    outcome = score(model.to(prepare_device(cell.settings)), dataset, cell.settings, _print_progress)
    result: dict[str, Any] = {"protocol": cell.settings["protocol"]["name"], "dataset": dataset.name}
    for name, quantity in registry.measurements()["accuracy"].quantities.items():
        found = estimate(quantity, name, [outcome])
        if found is not None:
            bounds = {"value": found.value, "low": found.low, "high": found.high}
            result[name] = {end: round(bound * quantity.scale, quantity.digits) for end, bound in bounds.items()}
    return _print_result(result, arguments)


def data_synthetic(arguments: Namespace) -> int:
    """Writes a synthetic dataset to keep."""
    from reidbench.data.synthetic import sample_sheet, synthetic, write_synthetic

    prefix = "option_"
    options = {name.removeprefix(prefix): value for name, value in vars(arguments).items() if name.startswith(prefix)}
    write_synthetic(Path(arguments.out), **options)
    if arguments.sheet:
        sample_sheet(synthetic(arguments.out), Path(arguments.sheet))
    if arguments.json:
        _print_json({"root": arguments.out, "options": options})
    else:
        print(f"written: {arguments.out}")
    return 0


def _run(suites: Mapping[str, Suite], arguments: Namespace) -> int:
    from reidbench.display import open_display
    from reidbench.plan import make_plan
    from reidbench.runner import Runner

    store = Store(arguments.results, arguments.machine or machine.name())
    store.check_is_here()
    _check_gpu(arguments.device)
    plans = {name: make_plan(name, suite, _request(arguments), store) for name, suite in suites.items()}
    with open_display(list(plans.values())) as display:
        runner = Runner(store, display)
        runner.run(list(plans.values()), fresh=arguments.fresh)
    for name, plan in plans.items():
        _report(plan, store, arguments, suites[name])
    for failure in runner.failures:
        print(f"bench.py: {failure.row} · {failure.cell['measurement']}: {failure.error}", file=sys.stderr)
    return 2 if runner.failures else 0


def _request(arguments: Namespace) -> Request:
    from reidbench.plan import Request

    given = vars(arguments)
    names = ("preset", "only", "dataset", "root", "protocol", "device", "seeds", "subset", "weights")
    return Request(rows=tuple(given.get("rows", ())), **{name: given[name] for name in names if name in given})


def _model_options(arguments: Namespace) -> dict[str, Any]:
    """The options of `--set name=value`; values are Python literals, anything else is text."""
    options: dict[str, Any] = {}
    for setting in arguments.set:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UserError(f"--set {setting}: write it as OPTION=VALUE")
        try:
            options[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            options[name] = text
        try:
            canonical_json(options[name])
        except (TypeError, ValueError):
            raise UserError(
                f"--set {setting}: give a finite number, a text, True, False, None or a tuple of such"
            ) from None
    registry.check_options("model", registry.lookup("model", arguments.model, registry.models()), options)
    return options


def _accuracy_cell(arguments: Namespace, seed: int) -> tuple[Cell, Places]:
    from reidbench.plan import accuracy_cell

    _check_gpu(arguments.device)
    if seed < 0:
        raise UserError(f"--seed {seed}: give 0 or more")
    request = _request(arguments)
    store = Store(arguments.results, arguments.machine or machine.name())
    cell = accuracy_cell(arguments.model, _model_options(arguments), request, seed, store)
    return cell, Places(request.root, request.weights)


def _print_progress(done: int, total: int, note: str) -> None:
    print(f"{done}/{total} {note}", file=sys.stderr, flush=True)


def _measures_cost(column: Column, device: str) -> bool:
    asked = column.settings.get("device", "cpu")
    return not registry.measurements()[column.measurement].needs_training and (asked == "cpu" or device == "cuda")


def _recorded_machine(arguments: Namespace) -> str:
    """The machine asked for, this one if it has records, else the only one that has."""
    known = machines(arguments.results)
    chosen = arguments.machine or machine.name()
    if chosen in known:
        return chosen
    if not arguments.machine and len(known) == 1:
        return known[0]
    if not known:
        raise UserError(f"no records under {arguments.results}: run the suite first, or give --results DIR")
    raise UserError(f"no records of machine {chosen!r} under {arguments.results}; give --machine {' or '.join(known)}")


def _report(plan: Plan, store: Store, arguments: Namespace, suite: Suite) -> None:
    """Writes the whole suite's report, whatever part of it was asked for, and prints the table of that part."""
    from reidbench.reporting.blocks import terminal_text
    from reidbench.reporting.tables import assemble
    from reidbench.reporting.writing import write_report

    table = assemble(plan, store)
    request = _request(arguments)
    partial = request.rows or request.only
    whole = assemble(_whole(plan, suite, request, store), store) if partial else table
    written = write_report(whole, store, made_by=arguments.command_line, **_output(arguments))
    if not arguments.json:
        print(terminal_text(table, min(shutil.get_terminal_size().columns, 100)))
    _print_written([table], written, arguments)


def _report_several(suites: Mapping[str, Suite], store: Store, arguments: Namespace) -> None:
    """Writes one report of the suites named; of all that are mostly measured on the machine where none is."""
    from reidbench.plan import make_plan
    from reidbench.reporting.matching import Records
    from reidbench.reporting.summary import mostly_measured
    from reidbench.reporting.tables import assemble
    from reidbench.reporting.writing import write_combined

    request = _request(arguments)
    if request.rows:
        raise UserError("--rows: give it with one suite")
    every = suites or {n: suite for known in registry.suite_paths() for n, suite in registry.suites_of(known).items()}
    records = Records(store)
    tables = [assemble(make_plan(name, suite, request, store), store, records) for name, suite in every.items()]
    tables, left_out = (tables, "") if suites else mostly_measured(tables)
    if not tables:
        raise UserError(f"{store.folder}: holds less than half of every suite with these options; name the suites")
    made_by = arguments.command_line
    written = write_combined(tables, store, left_out=left_out, made_by=made_by, **_output(arguments))
    _print_written(tables, written, arguments)


def _output(arguments: Namespace) -> dict[str, Any]:
    """Formats and folder of a report, where the command lets the user choose."""
    given = vars(arguments)
    return (
        {"formats": given["format"], "folder": Path(given["out"]) if given["out"] else None}
        if "format" in given
        else {}
    )


def _print_written(tables: Sequence[Table], written: Sequence[Path], arguments: Namespace) -> None:
    from reidbench.reporting.tables import to_frame

    if arguments.json:
        _print_json([line for table in tables for line in json.loads(to_frame(table).to_json(orient="records"))])
        return
    for path in written:
        if path.suffix != ".svg":
            print(f"written: {path}")


def _whole(plan: Plan, suite: Suite, request: Request, store: Store) -> Plan:
    """The plan of all rows and columns. Where a dataset that was not asked for cannot be had, what was asked for."""
    from reidbench.plan import make_plan

    try:
        return make_plan(plan.name, suite, replace(request, rows=(), only=""), store)
    except UserError:
        return plan


def _check_gpu(device: str) -> None:
    if device == "cuda" and not machine.describe()["gpu"]:
        raise UserError("--device cuda: this machine shows no CUDA GPU; use --device cpu")


def _print_result(result: dict[str, Any], arguments: Namespace) -> int:
    if arguments.json:
        _print_json(result)
    else:
        for name, value in result.items():
            shown = "{value} ({low} to {high})".format(**value) if isinstance(value, dict) else value
            print(f"{name:<14} {shown}")
    return 0


def _print_json(content: Any) -> None:
    print(json.dumps(content, indent=1, default=asdict))
