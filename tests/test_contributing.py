"""CONTRIBUTING is true: its suite can be listed and planned as it stands, and its figures are all that there are."""

import re
from pathlib import Path

from reidbench import registry
from reidbench.cli import main
from reidbench.commands.reports import check_figures
from reidbench.planning.plan import Request, make_plan
from reidbench.reporting.figures import FIGURES
from reidbench.store import Store

TEXT = (Path(__file__).resolve().parent.parent / "CONTRIBUTING.md").read_text()
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_suite_is_listed_and_planned_as_it_stands(tmp_path: Path, capsys) -> None:
    path = tmp_path / "stride.py"
    path.write_text(EXAMPLE)
    assert main(["list", "--plugin", str(path)]) == 0
    assert re.search(r"stride +The last stride of the trunk", capsys.readouterr().out)
    suite = registry.suite("stride")
    plan = make_plan("stride", suite, Request(), Store(tmp_path, "here"))
    check_figures({"stride": suite})
    trained = {cell.key for cell in plan.all_cells() if cell.measurement == "accuracy"}
    assert len(trained) == len(suite.rows) == len({cell.row for cell in plan.all_cells()})
    for option in ("--only cost", ""):
        assert f"python bench.py stride --plugin stride.py {option}".strip() in EXAMPLE


def test_the_figures_named_are_all_that_there_are() -> None:
    named = re.search(r"Figures\s+are (.*?);", TEXT, flags=re.DOTALL)
    assert named and set(re.findall(r"`(\w+)`", named[1])) == set(FIGURES)
