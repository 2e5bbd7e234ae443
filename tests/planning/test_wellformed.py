"""What is wrong with a suite is one line before anything is measured."""

from dataclasses import replace
from typing import Any

import pytest

from reidbench import registry
from reidbench.planning.wellformed import check_suite
from reidbench.spec import Column, Published, Row, Suite, UserError

A, B = Row("A", "bicnet", {"alpha": 1}), Row("B", "baseline")
SUITE = Suite("Two", (A, B, Row("Elsewhere")), (Column("complexity.macs"),), "B", contrasts=(("A", "B"),))


def test_a_suite_that_can_be_planned_is_let_through() -> None:
    check_suite("mine", SUITE)
    check_suite("mine", replace(SUITE, rows=(replace(A, frames=1), B, Row("Elsewhere"))))


def test_what_a_measurement_says_that_it_hears_it_may_be_told() -> None:
    """One that says nothing of it is told everything, as those of plugins were."""
    texts = {"device": "cpu", "precision": "fp32", "backend": "eager"}
    every: dict[str, str | int] = {**texts, "threads": 2, "tracklet": 8, "gallery": 9, "queries": 3}
    for name, found in registry.measurements().items():
        quantity = next(iter(found.quantities))
        told = {setting: every[setting] for setting in (every if found.hears is None else found.hears)}
        check_suite("mine", replace(SUITE, columns=(Column(f"{name}.{quantity}", settings=told),)))
        if found.function.__module__.startswith("reidbench."):
            assert found.hears is not None


def test_every_suite_tells_its_measurements_only_what_they_hear() -> None:
    for name in registry.suite_paths():
        for suite_name in registry.suites_of(name):
            check_suite(suite_name, registry.suite(suite_name))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": "C"}, "no row for its reference is named 'C'; there are A, B, Elsewhere"),
        (
            {"contrasts": (("A", "Elswhere"),)},
            "no row for its contrasts is named 'Elswhere'; did you mean 'Elsewhere'?",
        ),
        ({"focus": "C"}, "no row for its focus is named 'C'; there are A, B, Elsewhere"),
        ({"focus": None}, "Suite.focus is None; give a text"),
        ({"title": "T\x1b[2J"}, "Suite.title is 'T\\x1b[2J'; leave the control characters out"),
        ({"rows": (A, B, Row("C \x1b]0;x\x07"))}, "Row.name is 'C \\x1b]0;x\\x07'; leave the control characters out"),
        ({"notes": ("a \x9b",)}, "note is 'a \\x9b'; leave the control characters out"),
        ({"rows": (A, B, Row("C", absent=["no code"]))}, "Row.absent is ['no code']; give a text"),  # type: ignore
        ({"rows": (A, B, A)}, "2 rows are named 'A'; give each a name of its own"),
        ({"rows": B}, "rows must be a tuple of Row, with a comma after a single one"),
        ({"columns": ("complexity.macs",)}, "columns must be a tuple of Column, with a comma after a single one"),
        ({"columns": ()}, "it has no columns"),
        (
            {"columns": (Column("latency.ratio", settings={"precison": "bf16"}),)},
            "no setting of a column is named 'precison'; did you mean 'precision'?",
        ),
        (
            {"columns": (Column("latency.ratio", settings={"threads": "two"}),)},
            "Column.settings: threads is 'two'; give a whole number of at least 1",
        ),
        (
            {"columns": (Column("latency.ratio", settings={"threads": True}),)},
            "Column.settings: threads is True; give a whole number of at least 1",
        ),
        ({"rows": (A, replace(B, frames=0))}, "Row.frames is 0; give 1 or more"),
        ({"columns": (Column("latency.ratio", settings={"device": 0}),)}, "Column.settings: device is 0; give a text"),
        (
            {"columns": (Column("latency.ratio", settings={"precision": "bf15"}),)},
            "no precision for a column is named 'bf15'; did you mean 'bf16'?",
        ),
        (
            {"columns": (Column("latency.ratio", settings={"device": "tpu"}),)},
            "no device for a column is named 'tpu'; there are cpu, cuda",
        ),
        (
            {"columns": (Column("accuracy.mAP", settings={"backend": "openvino", "precision": "int8"}),)},
            "accuracy does not hear backend; it hears device, threads",
        ),
        (
            {"columns": (Column("scoring.query", settings={"threads": 1, "device": "cuda"}),)},
            "scoring does not hear device; it hears threads, gallery, queries",
        ),
        (
            {"columns": (Column("latency.latency", settings={"gallery": 7}),)},
            "latency does not hear gallery; it hears device, precision, backend, threads",
        ),
        (
            {"columns": (Column("complexity.macs", settings={"device": "cuda"}),)},
            "complexity does not hear device; it hears no setting",
        ),
        ({"figures": "accuracy"}, "figures must be a tuple of str, with a comma after a single one"),
        ({"columns": (Column("complexty.macs"),)}, "no measurement is named 'complexty'; did you mean 'complexity'?"),
        ({"columns": (Column("complexity.mac"),)}, "no quantity of complexity is named 'mac'; did you mean 'macs'?"),
        ({"rows": (A, Row("B", "baselin"))}, "row 'B': no model is named 'baselin'; did you mean 'baseline'?"),
        (
            {"rows": (Row("A", "bicnet", {"alhpa": 1}), B)},
            "row 'A': model bicnet has no option 'alhpa'; did you mean 'alpha'?",
        ),
        (
            {"rows": (Row("A", "bicnet", {"alpha": "1"}), B)},
            "row 'A': model bicnet: alpha='1' must be a whole number, such as 3",
        ),
        (
            {"rows": (replace(A, absent="no code"), B)},
            "row 'A': it has the model 'bicnet', and `absent` says why it has none; drop one of them",
        ),
        (
            {"rows": (replace(A, published=Published({"mAP": "1"})), B)},  # type: ignore[arg-type]
            "row 'A': published must be a tuple of Published, with a comma after a single one",
        ),
        ({"rows": (replace(A, against="b"), B)}, "no row that 'A' is compared with is named 'b'; did you mean 'B'?"),
        (
            {"rows": (replace(A, against="B"), B), "ablation": True, "contrasts": ()},
            "row 'A' names one that it is compared with: in an ablation that is the one above",
        ),
        (
            {"rows": (A, B, Row("C", recipe={"lr": 1.0}))},
            "row 'C': it has a recipe and no model that is trained by it; drop one of them",
        ),
        ({"rows": (replace(A, recipe=("lr",)), B)}, "Row.recipe is ('lr',); give a dict"),  # type: ignore[arg-type]
        (
            {"rows": (replace(A, recipe={"rate": 1.0}), B)},
            "row 'A': no setting of a recipe is named 'rate'; did you mean 'rates'?",
        ),
        ({"rows": (replace(A, recipe={"frames": 4}), B)}, "row 'A': its recipe sets frames; give them as Row.frames"),
        (
            {"rows": (replace(A, recipe={"trunk": "imagenet"}), B)},
            "row 'A': its recipe names weights of the trunk; give these by --weights, or trunk '' for none",
        ),
        (
            {"rows": (replace(A, recipe={"epochs": 2.5}), B)},
            "row 'A': its recipe has epochs 2.5; give something such as 150",
        ),
        (
            {"rows": (replace(A, recipe={"steps": True}), B)},
            "row 'A': its recipe has steps True; give something such as 0",
        ),
        (
            {"rows": (replace(A, recipe={"metric_loss": "arcface"}), B)},
            "row 'A': recipe: metric_loss is 'arcface'; choose one of triplet, soft_triplet, contrastive",
        ),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_suite("mine", replace(SUITE, **changes))
    assert str(caught.value) == f"suite mine: {message}"
