"""What the survival tests tried and what of it was survived, as JSON and as a page made from that."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightly import NIGHTLY

from reidbench import machine

ROOT = Path(__file__).resolve().parents[2]

INTRODUCTION = """# What runs survive

Each case breaks something on purpose. What counts as survived:

- **runs at once**, **kill -9**: all records equal those of an undisturbed run (training bit for bit, counts exactly,
  timings by being there), no JSON file was half written whenever it was read, and no worker outlived its runner. After
  "at" stands what the workers were at; "with a checkpoint" where the training then went on from one.
- **kill -9 of a writer**: of the records that it had written, each superseding the last, none is lost or half written.
- **misbehaving worker**: its own cell failed, or was out of memory, with the reason and the log on record; others went
  on.
- **storage**: what the system refuses is told in one line, and what was recorded before stays and counts. For the
  clock, records that began in 2096 are taken as done and, measured again, kept.

"Tried" is counted before the comparison, "survived" after it.
By `REIDBENCH_NIGHTLY=1 REIDBENCH_SURVIVAL_REPORT=FILE.json pytest tests/survival`.
"""


@dataclass
class Figures:
    """Counts by kind of fault and by case."""

    counts: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)

    def note(self, kind: str, case: str, *, tried: int = 0, survived: int = 0) -> None:
        count = self.counts.setdefault(kind, {}).setdefault(case, {"tried": 0, "survived": 0})
        count["tried"] += tried
        count["survived"] += survived

    @contextmanager
    def trying(self, kind: str, case: str) -> Iterator[None]:
        """Counts one trial, survived if the block ends well."""
        self.note(kind, case, tried=1)
        yield
        self.note(kind, case, survived=1)

    def about(self) -> dict[str, Any]:
        return {
            "setting": "nightly" if NIGHTLY else "normal",
            "revision": _git("rev-parse", "--short", "HEAD"),
            "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
            "date": machine.now(),
            "machine": machine.describe(),
            "versions": machine.versions(),
            "cases": self.counts,
        }

    def write(self, file: Path) -> None:
        content = self.about()
        file.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
        file.with_suffix(".md").write_text(page(content))


def page(content: dict[str, Any]) -> str:
    """The Markdown of the JSON."""
    revision = content["revision"] + (" with changes" if content["changed"] else "")
    facts = content["machine"]
    lines = [INTRODUCTION, "| fault | case | tried | survived |", "|---|---|---:|---:|"]
    for kind, cases in content["cases"].items():
        total = {what: sum(count[what] for count in cases.values()) for what in ("tried", "survived")}
        lines += [f"| **{kind}** | | **{total['tried']}** | **{total['survived']}** |"]
        lines += [f"| | {case} | {count['tried']} | {count['survived']} |" for case, count in cases.items()]
    place = f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_gib']} GiB, {facts['system']}"
    lines += ["", f"Code {revision}, {content['date']}, {content['setting']} setting, {place}.", ""]
    return "\n".join(lines)


def _git(*arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.strip()
