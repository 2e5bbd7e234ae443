"""A calibration as Markdown: how often the gate was wrong, on what, and what follows for its use."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scipy.stats import beta

from reidbench.program import beginning
from reidbench.regression.calibration import ANY, FAULTS, Calibration, Trial, commands_by_half
from reidbench.regression.presentation import rule
from reidbench.regression.verdicts import MEASURED
from reidbench.reporting.documents.block import Block
from reidbench.reporting.documents.document import Code, Document, Paragraph, Part, Section, Tabular, items
from reidbench.reporting.documents.markdown import markdown
from reidbench.scatter import noise_of

MOST_ALARMS = 0.01
LEAST_POWER = 0.95
"""What the gate is meant to reach: alarms without a change, and a row slower by a tenth that is caught."""

CONFIDENCE = 0.95

PRESET = re.compile(r"Preset (\w+)[:.]")
"""How a calibration says which preset its models were trained with."""


def text(found: Calibration) -> str:
    """The whole report."""
    times = [trial for trial in found.trials if trial.what == "time"]
    accuracies = [trial for trial in found.trials if trial.what != "time"]
    parts: list[Part] = [Paragraph(sentence) for sentence in _about(found)]
    if times:
        parts.append(Section("Times", (*_findings(times), Tabular((_block(times, "Drawn sessions"),)))))
    if accuracies:
        faults = items(f"{name}: {what}" for name, what in FAULTS.items())
        table = Tabular((_block(accuracies, "Trained models"),))
        parts.append(Section("Accuracies", (*([faults] if faults else []), *_caught(accuracies), table)))
    parts.append(Section("How it was judged", (Paragraph(rule(found.limits)),)))
    if commands := _commands(found, bool(times), accuracies):
        parts.append(Section("How to reproduce", (Code("\n".join(commands)),)))
    return markdown(Document(f"Calibration of the gate on {found.about['machine']}", tuple(parts)))


def _commands(found: Calibration, times: bool, accuracies: Sequence[Trial]) -> list[str]:
    """The command that makes each half that there is; of accuracies without a recorded one, one made of the trials."""
    known = commands_by_half(found.about)
    commands = [known.get("cost", "")] if times else []
    if accuracies:
        seeds = [f"--seeds {trial.here + trial.there}" for trial in accuracies if not trial.fault][:1]
        preset = PRESET.match(str(found.about.get("recipe", "")))
        asked = [*([f"--preset {preset[1]}"] if preset else []), *seeds]
        commands.append(known.get("accuracy") or " ".join([*beginning(), "calibrate --only accuracy", *asked]))
    return list(dict.fromkeys(filter(None, commands)))


def summary(found: Calibration) -> list[str]:
    """The findings as sentences, for the terminal."""
    times = [trial for trial in found.trials if trial.what == "time"]
    accuracies = [trial for trial in found.trials if trial.what != "time"]
    lines = [part.text for part in (*_findings(times), *_caught(accuracies)) if isinstance(part, Paragraph)]
    return lines or ["too few sessions or seeds for any comparison"]


def _about(found: Calibration) -> list[str]:
    about = found.about
    sentences = []
    if found.noise is not None and found.within is not None:
        sentences.append(
            f"{about['sessions']} interleaved sessions of {', '.join(about['rows'])} against {about['reference']}, "
            f"from {about['first']} to {about['last']}, one after the other by one and the same code. A row's ratio "
            f"scatters by {found.noise:.1%} between sessions beyond what its rounds explain, and by {found.within:.1%} "
            f"between the rounds of one (standard deviations; the latter from the quartiles).{_shared(found)}"
        )
        sentences.append(
            "Each comparison takes sessions drawn without replacement, so comparisons share sessions; the scatter "
            "between sessions that it allows for comes from the sessions it does not use. What differs between days is "
            "not in them. A slower row is one whose measured times here were multiplied."
        )
    if about.get("recipe"):
        sentences.append(f"Faults of accuracy are real: each model was trained with its fault. {about['recipe']}")
    return sentences


def _shared(found: Calibration) -> str:
    """Which part of the scatter between sessions all rows have in common: the reference row does not go with them."""
    noise = noise_of(found.log_ratios)
    if noise is None or len(found.log_ratios) < 2:
        return ""
    return (
        f" By {noise.shared:.1%} all rows move together, and the reference row not with them; by {noise.own:.1%} each "
        "by itself. So a row is told apart sooner where others that did not change were measured with it."
    )


def _findings(times: Sequence[Trial]) -> list[Part]:
    """A paragraph for each way to divide: from how many sessions a side on the gate does what it is meant to."""
    parts: list[Part] = []
    for divisors in dict.fromkeys(trial.divisors for trial in times):
        mine = [trial for trial in times if trial.divisors == divisors]
        quiet = [trial for trial in mine if not trial.effect]
        slowest = max(trial.effect for trial in mine)
        slower = [trial for trial in mine if trial.effect == slowest]
        kept = [
            still.share("worse") <= MOST_ALARMS and slow.share("worse") >= LEAST_POWER
            for still, slow in zip(quiet, slower, strict=True)
        ]
        enough = next((i for i in range(len(kept)) if all(kept[i:])), None)
        reached = "not reached" if enough is None else f"reached from {_sessions(quiet[enough].here)} a side on"
        caught = ", ".join(f"{trial.share('worse'):.1%} by {_sessions(trial.here)} a side" for trial in slower)
        worse, compared = sum(t.words.get("worse", 0) for t in quiet), sum(t.comparisons for t in quiet)
        alarms, checks = (sum(getattr(trial, name) for trial in quiet) for name in ("alarms", "checks"))
        most = beta.ppf(CONFIDENCE, alarms + 1, checks - alarms) if checks > alarms else 1
        parts.append(
            Paragraph(
                f"{_over(divisors)}: rows {slowest:.0%} slower were caught in {caught}. Without a change {worse} of "
                f"{compared} comparisons said worse, in {alarms} of {checks} whole checks (were these independent, at "
                f"most {most:.1%} of all, with {CONFIDENCE:.0%} confidence). The target (at most {MOST_ALARMS:.0%} of "
                f"comparisons false, at least {LEAST_POWER:.0%} caught at {slowest:.0%}) is {reached} in this sample."
            )
        )
    return parts


def _caught(accuracies: Sequence[Trial]) -> list[Part]:
    parts: list[Part] = []
    for trial in accuracies:
        if not trial.fault:
            parts.append(
                Paragraph(
                    f"Sound models, {trial.here} seeds against {trial.there} others: {trial.words.get('worse', 0)} of "
                    f"{trial.comparisons} comparisons said worse ({trial.share('worse'):.1%}), in {trial.alarms} of "
                    f"{trial.checks} whole checks."
                )
            )
    for fault in dict.fromkeys(trial.fault for trial in accuracies if trial.fault):
        (whole,) = [trial for trial in accuracies if trial.fault == fault and trial.what == ANY]
        mine = [trial for trial in accuracies if trial.fault == fault and trial.what != ANY]
        caught = [f"{trial.what} in {trial.share('worse'):.0%}" for trial in mine if trial.share("worse")]
        praised = [f"{trial.what} in {trial.share('better'):.0%}" for trial in mine if trial.share("better")]
        sentence = f"Fault {fault}: {whole.alarms} of {whole.checks} checks failed"
        sentence += f", called worse by {', '.join(caught)}." if caught else "."
        if praised:
            sentence += f" Called better by {', '.join(praised)}: a gain that nobody meant is a finding too."
        parts.append(Paragraph(sentence))
    return parts


def _block(trials: Sequence[Trial], title: str) -> Block:
    timed = any(trial.what == "time" for trial in trials)
    header = (
        *(["rows divided by"] if timed else []),
        "here : there",
        "what",
        "comparisons",
        *MEASURED,
        "median change",
    )
    lines = tuple(
        (
            *([str(trial.divisors)] if timed else []),
            f"{trial.here} : {trial.there}",
            _what(trial),
            str(trial.comparisons),
            *(f"{trial.share(word):.1%}" for word in MEASURED),
            f"{trial.changes[0] * 100:+z.1f} {'%' if trial.what == 'time' else 'pp'}",
        )
        for trial in trials
    )
    return Block(title, header, lines, frozenset(), ())


def _what(trial: Trial) -> str:
    if trial.what == "time":
        return f"{trial.effect:.0%} slower" if trial.effect else "no change"
    return f"fault {trial.fault}, {trial.what}" if trial.fault else f"no change, {trial.what}"


def _over(divisors: int) -> str:
    others = f" and {divisors - 1} other{'s' if divisors > 2 else ''} that did not change" if divisors > 1 else " alone"
    return f"Divided by the reference row{others}"


def _sessions(count: int) -> str:
    return "one session" if count == 1 else f"{count} sessions"
