"""What tells two trainings apart, in the words of the settings."""

from __future__ import annotations

from reidbench.training.settings import SHOWN, what_differs

QUICK = {
    "preset": "quick",
    "options": {"depth": 50, "blocks": [1, 1]},
    "recipe": {"steps": 600, "size": [64, 32]},
    "dataset": {"name": "synthetic", "options": {}},
    "source": "aa",
    "processes": 1,
}


def test_what_is_the_same_is_not_told_of() -> None:
    assert what_differs(QUICK, QUICK) == ""
    assert what_differs(QUICK, {**QUICK, "processes": 2}) == "processes without --sync-bn 1, now 2"


def test_what_was_asked_for_comes_before_what_follows_from_it() -> None:
    tiny = {**QUICK, "options": {**QUICK["options"], "depth": 18}, "recipe": {"steps": 150, "size": [64, 32]}}
    tiny |= {"dataset": {"name": "mine", "options": {}}, "preset": "tiny", "source": "bb"}
    assert what_differs(QUICK, tiny) == "preset quick, now tiny; dataset.name synthetic, now mine; " + (
        "options.depth 50, now 18; 2 more"
    )
    assert SHOWN == 3


def test_what_only_one_has_is_none_in_the_other() -> None:
    more = {**QUICK, "dataset": {"name": "synthetic", "options": {"rate": 0.5}}}
    assert what_differs(more, QUICK) == "dataset.options.rate 0.5, now none"
    assert what_differs(QUICK, more) == "dataset.options.rate none, now 0.5"
    assert what_differs({"long": "x" * 99}, {}) == f"long {'x' * 40}, now none"
