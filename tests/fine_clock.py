"""A clock for the workers of toy plugins: sessions are told apart by when they began, and none waits for a second."""

FINE_CLOCK = """
import datetime, os
from reidbench import machine
from reidbench.running.jobs import IN_WORKER

if IN_WORKER in os.environ:
    machine.now = lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
"""
"""For the text of a plugin: what it imports in a worker notes times to the microsecond."""
