"""What is said of many clips at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from made_up import COLUMNS, ROWS

from reidbench.reporting.findings.throughputs import ended_at_a_fall


@pytest.mark.parametrize(
    ("rates", "context", "ended_at"),
    [
        ((10, 20, 15), {}, 4),
        ((20, 18), {}, 2),
        ((20, 18), {"cut_after": 8.0}, 0),
        ((10, 20, 10, 20, 15), {}, 16),
        ((1, 2, 4, 8, 16, 32, 64, 128, 100), {}, 0),  # there is no larger batch
        ((10, 20, 30, 25), {}, 8),
        ((10, 20, 19.1), {}, 0),  # within the noise
        ((10, 20, 15, 12), {}, 0),  # it fell before, and did so again
        ((10, 20, 15, 15), {}, 0),
        ((10, 20, 15), {"out_of_memory_at": 8}, 0),
        ((10, 20, 15), {"ended_by": "shapes differ"}, 0),
        ((10,), {}, 0),
        ((), {}, 0),
    ],
)
def test_a_search_that_ended_at_its_first_fall(
    bench: Any, rates: tuple[float, ...], context: dict[str, Any], ended_at: int
) -> None:
    """Each batch has two readings, of which the first, slower by the warming up, does not count."""
    samples = {f"seconds_batch_{2**n}": [9 * 2**n / rate, 2**n / rate] for n, rate in enumerate(rates)}
    record = bench.save(bench.cell(ROWS[0], COLUMNS[5]), **context)
    assert ended_at_a_fall(replace(record, samples={"frames_per_second": [20.0], **samples})) == ended_at
