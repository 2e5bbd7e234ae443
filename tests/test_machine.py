"""What a number was measured on."""

from collections import namedtuple

import psutil
import pytest

from reidbench import machine


def test_the_time_of_guests_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux has it in its host processes' time too."""
    times = namedtuple("times", "user nice system idle iowait irq softirq steal guest guest_nice")
    monkeypatch.setattr(psutil, "cpu_times", lambda: times(16, 32, 1, 1000, 2000, 2, 4, 8, 10, 20))
    assert machine.busy_seconds() == 16 + 32 + 1 + 2 + 4 + 8


def test_a_system_that_tells_less_of_its_time_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    times = namedtuple("times", "user system idle")
    monkeypatch.setattr(psutil, "cpu_times", lambda: times(3, 1, 50))
    assert machine.busy_seconds() == 4
