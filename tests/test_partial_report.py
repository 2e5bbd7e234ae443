"""What a command's report covers: the whole suite, with the seeds of the plan that was asked for."""

from pathlib import Path

from reidbench import registry
from reidbench.plan import Request, make_plan
from reidbench.reports import _whole
from reidbench.store import Store


def test_the_whole_report_behind_a_part_keeps_the_seeds_of_the_part(tmp_path: Path) -> None:
    suite, store = registry.suite("table3"), Store(tmp_path, "here")
    part = make_plan("table3", suite, Request(rows=("1",), only="accuracy", seeds=3), store)
    whole = _whole(part, suite, Request(rows=("1",), only="accuracy"), store)
    assert (len(whole.suite.rows), whole.only, whole.preset.seeds) == (5, "", 3)
