"""What a command's report covers: the whole suite, with the seeds asked for or those that are recorded of it."""

from pathlib import Path

import pytest

from reidbench import registry
from reidbench.commands.reports import _in_order, _whole
from reidbench.planning.plan import Request, make_plan
from reidbench.reporting.tables.matching import Records
from reidbench.reporting.tables.table import assemble
from reidbench.spec import Record
from reidbench.store import Store


@pytest.mark.parametrize(("seeds", "shown"), [(None, 2), (3, 3)])
def test_the_report_behind_a_part_is_whole(tmp_path: Path, seeds: int | None, shown: int) -> None:
    suite, store = registry.suite("table3"), Store(tmp_path, "here")
    for cell in make_plan("table3", suite, Request(only="accuracy", seeds=2), store).all_cells():
        found = ({}, {"ap": [1.0], "top1": [1.0], "identity": [1.0]}, {}, "here", {}, "2026", 1.0)
        store.save(Record(cell.identity, cell.key, cell.row, "ok", *found))
    request = Request(rows=("1",), only="accuracy", seeds=seeds)
    part = assemble(make_plan("table3", suite, request, store), store)
    whole = _whole(part, suite, request, store, Records(store)).plan
    assert (len(whole.suite.rows), whole.request.only, whole.preset.seeds) == (5, "", shown)


def test_a_report_of_all_begins_with_the_components_and_follows_the_paper(tmp_path: Path) -> None:
    store = Store(tmp_path, "here")
    names = ("scale", "backends", "stress", "table6", "table2", "table1")
    tables = [assemble(make_plan(name, registry.suite(name), Request(), store), store) for name in names]
    order = [table.plan.name for table in _in_order(tables)]
    assert order == ["table2", "table1", "table6", "stress", "backends", "scale"]
