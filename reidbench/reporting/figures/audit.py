"""The figure of the audit: how far every printed cost is from ours under the one rule that explains most of them."""

from __future__ import annotations

from fractions import Fraction

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from reidbench.audit.assembly import Audit
from reidbench.audit.rules import ROUNDINGS, label, last_digit
from reidbench.audit.verdicts import Judgement, Verdict
from reidbench.reporting.figures.style import OKABE_ITO, new_figure
from reidbench.reporting.findings.audit_findings import COLUMNS, UNITS, name, table_name

MARKS = {
    "first": ("o", OKABE_ITO[0], OKABE_ITO[0], "this rule reproduces it"),
    "other": ("D", "white", OKABE_ITO[2], "another explaining rule does"),
    "none": ("X", OKABE_ITO[1], OKABE_ITO[1], "no explaining rule does"),
}
"""Marker, face, edge and meaning: they differ in shape and filling, not in colour alone."""

BAND = "#DDDDDD"


def audit_figure(audit: Audit) -> Figure | None:
    """One panel a column of the paper, one line a row of its tables; None where nothing is explained."""
    panels = [one for one in audit.judgements if one.steps]
    if not panels:
        return None
    lines = _lines(panels)
    figure = new_figure(7.2, 1.3 + 0.18 * len(lines))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, judgement in zip(axes, panels, strict=True):
        _panel(axis, judgement, audit, lines)
    axes[0].set_yticks(range(len(lines)), [row or table_name(table) for table, row in lines])
    axes[0].set_ylim(len(lines) - 0.4, -0.6)
    for text, (_, row) in zip(axes[0].get_yticklabels(), lines, strict=True):
        text.set_fontweight("normal" if row else "bold")
    handles: list[Artist] = [
        Line2D([], [], ls="", marker=m, mfc=f, mec=e, ms=6, label=text) for m, f, e, text in MARKS.values()
    ]
    handles.append(Patch(facecolor=BAND, label="the printed value"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncol=len(handles),
        columnspacing=1.2,
        handletextpad=0.4,
        frameon=False,
        fontsize=8,
    )
    figure.get_layout_engine().set(wspace=0.05)  # type: ignore[union-attr,call-arg]
    figure.suptitle("Ours less the printed cost, under one rule a column", fontsize=10)
    return figure


def _lines(panels: list[Judgement]) -> list[tuple[str, str]]:
    """(table, row) from the top down, each table headed by a line without a row."""
    found: dict[tuple[str, str], None] = {}
    tables = dict.fromkeys(verdict.printed.suite for one in panels for verdict in one.verdicts)
    for table in tables:
        found[table, ""] = None
        for one in panels:
            found |= dict.fromkeys((table, verdict.printed.row.name) for verdict in one.of(table))
    return list(found)


def _panel(axis: Axes, judgement: Judgement, audit: Audit, lines: list[tuple[str, str]]) -> None:
    rule = judgement.steps[0].rule
    low = -float(ROUNDINGS[rule.rounding])
    axis.axvspan(low, low + 1, color=BAND, zorder=0)
    for place, (_, row) in enumerate(lines):
        if row:
            axis.axhline(place, color="#EEEEEE", linewidth=0.6, zorder=0.5)
    step = max(last_digit(verdict.printed.text) for verdict in judgement.verdicts)
    for verdict in judgement.verdicts:
        cell = verdict.printed
        ours = audit.first.get((cell.suite, cell.row.name, cell.key))
        if ours is not None:
            away = float((ours - Fraction(cell.text)) / last_digit(cell.text))
            marker, face, edge, _ = MARKS[_mark(verdict)]
            place = lines.index((cell.suite, cell.row.name))
            axis.plot(away, place, marker, mfc=face, mec=edge, ms=6, mew=1.2, ls="", zorder=3, clip_on=False)
    axis.margins(x=0.08)
    axis.tick_params(axis="y", length=0)
    column = COLUMNS[judgement.key]
    axis.set_xlabel(f"ours - printed (in units of {float(step):g} {UNITS[judgement.key]})")
    axis.set_title(f"{column} by {name(judgement, 1)}:\n{label(rule)}")


def _mark(verdict: Verdict) -> str:
    return {0: "none", 1: "first"}.get(verdict.step, "other")
