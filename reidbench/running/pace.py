"""How far a work is, and how long the rest of it takes at the pace so far."""

from __future__ import annotations

from dataclasses import dataclass

LINE_EVERY = 20.0
"""Seconds between two lines that tell of one work, where they do not go to a terminal."""


@dataclass(frozen=True)
class Pace:
    """`done` of `total` steps, counted since a time in seconds at which `first` steps were done."""

    done: int
    total: int
    since: float
    first: int

    @classmethod
    def started(cls, now: float, done: int = 0, total: int = 0) -> Pace:
        return cls(done, total, now, done)

    def reached(self, now: float, done: int, total: int) -> Pace:
        """It is reckoned anew where the total changes or the count starts again: another work has begun."""
        goes_on = total == self.total and done >= self.done
        return Pace(done, total, self.since, self.first) if goes_on else Pace.started(now, done, total)

    def seconds_left(self, now: float) -> float | None:
        """None where too little is done to tell."""
        steps = self.done - self.first
        if steps <= 0 or now <= self.since:
            return None
        return (now - self.since) / steps * (self.total - self.done)

    def text_left(self, now: float) -> str:
        """Such as ", 0:40 left"; "" where it cannot be told or nothing is."""
        left = self.seconds_left(now)
        return f", {duration(left)} left" if left is not None and self.done < self.total else ""


def duration(seconds: float) -> str:
    """`0:07`, `12:30` or `1:02:03`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
