"""What `profile --layers` and `trace` print: tables that 80 columns hold, and the same as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from reidbench.experiments.step_report import StepReport
    from reidbench.profiling.layers import Layers, Part
    from reidbench.profiling.peak import Peak
    from reidbench.profiling.timeline import Timeline
    from reidbench.profiling.trace import Operator, Trace

ITSELF = "(itself)"
"""What a block does outside its modules."""

MOST_OPERATORS = 15


def layers_table(layers: Layers, depth: int, label: str) -> Table:
    """The tree of modules down to `depth`, a row each."""
    table = _table(f"{label}: one batch {'x'.join(map(str, layers.shape))}, {peak_text(layers.peak)}")
    table.add_column("module", overflow="ellipsis", no_wrap=True, max_width=23)
    headings = (
        "MACs\n(G)",
        "params\n(M)",
        "time\n(ms)",
        "share\n(%)",
        "moved\n(MB)",
        "FLOP\n/byte",
        "GFLOP\n/s",
        "of\nroof",
    )
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True, min_width=5)
    whole, shown = layers.within("").seconds, set[str]()
    for part in layers.tree(depth):
        table.add_row(_name(part, label, part.name in shown), *_cells(part, whole))
        shown.add(part.name)
    return table


def _name(part: Part, label: str, again: bool) -> str:
    level = part.name.count(".") + 1 if part.name else 0
    if again:
        return " " * (level + 1) + ITSELF
    return " " * level + (part.name.rpartition(".")[2] or label)


def _cells(part: Part, whole: float) -> list[str]:
    operations = [f"{part.intensity:.1f}", f"{part.rate / 1e9:.1f}"] if part.macs else ["-", "-"]
    return [
        f"{part.macs / 1e9:.3f}" if part.macs else "-",
        f"{part.parameters / 1e6:.3f}" if part.parameters else "-",
        f"{1e3 * part.seconds:.2f}",
        f"{100 * part.seconds / whole:.1f}",
        f"{part.moved / 1e6:.1f}",
        *operations,
        f"{100 * part.attained:.0f} %",
    ]


def layers_notes(layers: Layers, timeline: Timeline) -> list[str]:
    """How far the table's numbers are to be trusted, and the peak of memory."""
    plain = statistics.median(layers.plain)
    return [
        f"whole pass {1e3 * plain:.1f} ms without hooks, median of {len(layers.plain)} rounds; hooks add "
        f"{100 * layers.overhead:.1f} %; the parts sum up to {100 * layers.accounted:.1f} % of it",
        f"live activations: {timeline.peak / 1e6:.1f} MB at the peak, in {timeline.peak_module or 'the model itself'}",
        "moved: what each operator reads, weights included, and writes, each once",
        "roof: the fastest of the products that were tried, and of copies; above 100 % are modules whose bytes a cache "
        "spared, or whose shape suits the machine better",
    ]


def peak_text(peak: Peak) -> str:
    """The roof in words."""
    threads = f", {peak.threads} thread{'s' * (peak.threads != 1)}" if peak.device == "cpu" else ""
    product = f"{peak.product}{' in TF32' * peak.rounded}"
    return (
        f"{peak.device}, {peak.precision}{threads}; measured peak {peak.flops / 1e9:.0f} GFLOP/s ({product}), "
        f"{peak.bandwidth / 1e9:.1f} GB/s (copy)"
    )


def layers_json(layers: Layers, timeline: Timeline) -> dict[str, Any]:
    """Everything that was measured; seconds and bytes."""
    parts = [
        asdict(part) | {"intensity": part.intensity, "rate": part.rate, "attained": part.attained}
        for part in layers.parts
    ]
    return {
        "shape": list(layers.shape),
        "peak": asdict(layers.peak),
        "parts": parts,
        "plain_seconds": list(layers.plain),
        "hooked_seconds": list(layers.hooked),
        "hooks_overhead": layers.overhead,
        "accounted": layers.accounted,
        "memory": {
            "peak": timeline.peak,
            "peak_module": timeline.peak_module,
            "seconds": list(timeline.seconds),
            "live": list(timeline.live),
        },
    }


def operators_table(trace: Trace) -> Table:
    """The operators that take longest."""
    table = _table(f"operators by their own time, mean of {trace.passes} traced passes")
    table.add_column("operator", overflow="ellipsis", no_wrap=True, max_width=46)
    for heading in ("calls", "time\n(ms)", "share\n(%)"):
        table.add_column(heading, justify="right", no_wrap=True)
    shown, rest = trace.operators[:MOST_OPERATORS], trace.operators[MOST_OPERATORS:]
    for operator in shown:
        table.add_row(operator.name, *_operator_cells([operator]))
    if rest:
        table.add_row(f"{len(rest)} others", *_operator_cells(rest))
    return table


def _operator_cells(operators: Sequence[Operator]) -> list[str]:
    calls, seconds, share = (sum(getattr(o, field) for o in operators) for field in ("calls", "seconds", "share"))
    return [f"{calls:g}", f"{1e3 * seconds:.2f}", f"{100 * share:.1f}"]


def steps_table(report: StepReport, label: str) -> Table:
    """Medians and shares of a step's stages."""
    batch, frames, height, width = report.clips
    table = _table(f"{label}: one training step of {batch} clips, {frames} frames of {height}x{width}")
    table.add_column("stage")
    for heading in ("median\n(ms)", "least\n(ms)", "most\n(ms)", "share\n(%)"):
        table.add_column(heading, justify="right")
    whole = statistics.median(report.watched)
    for name, seconds in {**report.stages, "whole step": report.watched}.items():
        if name == "whole step":
            table.add_row("rest", f"{1e3 * report.rest:.2f}", "", "", f"{100 * report.rest / whole:.1f}")
        middle = statistics.median(seconds)
        bounds = [f"{1e3 * value:.2f}" for value in (middle, min(seconds), max(seconds))]
        table.add_row(name, *bounds, f"{100 * middle / whole:.1f}")
    return table


def steps_note(report: StepReport) -> str:
    """What the stopwatch costs, with a CUDA graph's part in that."""
    alone = statistics.median(report.alone)
    change = 100 * (statistics.median(report.watched) / alone - 1)
    way = ", from forward to backward as one CUDA graph," if report.captured else ""
    return (
        f"{len(report.watched)} steps timed; as many in between without the stopwatch{way} took {1e3 * alone:.2f} ms "
        f"(with it {change:+z.1f} %); {report.threads} thread{'s' * (report.threads != 1)}"
    )


def steps_json(report: StepReport) -> dict[str, Any]:
    """Seconds of every timed step."""
    return {**asdict(report), "medians": {name: report.median(name) for name in report.stages}, "rest": report.rest}


def trace_json(trace: Trace) -> dict[str, Any]:
    """The file and all operators."""
    return {**asdict(trace), "file": str(trace.file)}


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
