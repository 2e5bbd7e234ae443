"""What the doctor says: one finding a thing looked at. Imports nothing that may not be installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MARKS = ("ok", "note", "wrong")
"""Sound; worth knowing, but measurements may go on; to be mended before they do: the text says how."""

Sections = Mapping[str, Sequence["Finding"]]
"""Findings by the title of their section."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `subject` names it, `text` says how it is and what to do, `facts` are its numbers."""

    subject: str
    text: str
    mark: str = "ok"
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mark not in MARKS:
            raise ValueError(f"mark {self.mark!r} is none of {', '.join(MARKS)}")


def is_sound(sections: Sections) -> bool:
    """Whether nothing is wrong."""
    return not any(finding.mark == "wrong" for findings in sections.values() for finding in findings)
