from pathlib import Path

import pytest

from reidbench import registry
from reidbench.planning.plan import Plan, Request, make_plan
from reidbench.reporting.naming import report_stem, several_stem
from reidbench.store import Store


@pytest.fixture(autouse=True)
def made_up_measurements():
    """The real measurements: the names here are those of real suites."""


def plan(tmp_path: Path, suite: str, **asked) -> Plan:
    return make_plan(suite, registry.suite(suite), Request(**asked), Store(tmp_path, "here"))


@pytest.mark.parametrize(
    ("suite", "asked", "expected"),
    [
        ("table2", {}, "table2"),
        ("table2", {"seeds": 3, "device": "cuda"}, "table2"),
        ("table2", {"preset": "tiny"}, "table2-tiny"),
        ("table2", {"dataset_options": {"occlusion": 0.5}}, "table2-occlusion-0.5"),
        ("table2", {"preset": "fine", "protocol": "euclidean"}, "table2-fine-euclidean"),
        ("table2", {"rows": ("2", "8")}, "table2-part"),
        ("table2", {"only": "cost", "preset": "tiny"}, "table2-cost"),
        ("table2", {"only": "accuracy", "preset": "tiny", "rows": ("1",)}, "table2-tiny-accuracy-part"),
        ("stress", {}, "stress"),
        ("overhead", {"preset": "tiny"}, "overhead"),
        ("overhead", {"only": "cost"}, "overhead"),
    ],
)
def test_a_report_is_named_after_what_makes_it_another(tmp_path: Path, suite: str, asked, expected: str) -> None:
    assert report_stem(plan(tmp_path, suite, **asked)) == expected


def test_another_dataset_is_named_although_it_is_its_presets_own(tmp_path: Path, mars_tree: Path) -> None:
    asked = {"preset": "paper", "weights": "imagenet", "root": str(mars_tree), "subset": True}
    assert report_stem(plan(tmp_path, "table2", **asked)) == "table2-paper-mars"
    assert report_stem(plan(tmp_path, "table2", **{**asked, "preset": "quick"}, dataset="mars")) == "table2-mars"


def test_several_suites_share_what_is_added_to_their_name(tmp_path: Path) -> None:
    plans = [plan(tmp_path, suite, preset="tiny") for suite in ("overhead", "table2", "table3")]
    assert several_stem("paper", plans) == "paper-tiny"
    assert several_stem("report", []) == "report"
