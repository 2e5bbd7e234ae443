"""Which records answer one another across two versions of a code, and why others may not be compared."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from sides_made_up import COLUMNS, ROWS, Code, two_sides

from reidbench import registry
from reidbench.planning.plan import Plan, Request, make_plan
from reidbench.regression.pairing import Pair, _judged, doubtful_cells, pairs_of
from reidbench.regression.sides import Side
from reidbench.spec import Column, Row
from reidbench.store import Store


def pairs(new: Code, old: Code, *, exactly: bool = True) -> dict[str, Pair]:
    """Of the row Slim, by the measurement."""
    found = pairs_of(new.plan, Side(new.store), Side(old.store), exactly=exactly)
    return {pair.name.partition(".")[0]: pair for pair in found if pair.row == "Slim"}


def test_records_of_two_codes_are_paired_whatever_their_hashes(tmp_path: Path) -> None:
    found = pairs(*two_sides(tmp_path))
    assert set(found) == {"accuracy", "complexity", "latency", "throughput", "memory"}
    assert not any(pair.reason for pair in found.values())
    assert {pair.here[0].cell["source"] for pair in found.values()} == {"new"}
    assert {pair.there[0].cell["source"] for pair in found.values()} == {"old"}
    assert [len(found[name].here) for name in ("accuracy", "latency")] == [3, 1]
    assert [(found[name].field, found[name].title) for name in ("accuracy", "throughput")] == [
        ("mAP", "mAP"),
        ("throughput", "Throughput, cpu fp32"),
    ]
    assert {name: pair.kind for name, pair in found.items()} == {
        "accuracy": "accuracy",
        "complexity": "count",
        "latency": "time",
        "throughput": "time",
        "memory": "reading",
    }


def test_the_two_columns_of_one_latency_are_one_pair(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    found = pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True)
    assert [pair.name for pair in found if pair.row == "Slim" and pair.name.startswith("latency")] == ["latency.ratio"]
    assert len(found) == (len(COLUMNS) - 1) * len(ROWS)


def test_columns_that_differ_in_threads_are_judged_each(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    suite = replace(new.plan.suite, columns=(Column("latency.ratio"), Column("latency.ratio", settings={"threads": 1})))
    plan = make_plan("toys", suite, Request(), new.store)
    found = [pair for pair in pairs_of(plan, Side(new.store), Side(old.store), exactly=True) if pair.row == "Slim"]
    assert [pair.title for pair in found] == ["Latency ratio, cpu fp32", "Latency ratio, cpu fp32 1 thread"]
    assert len({pair.subject for pair in found}) == 2


@pytest.mark.parametrize(
    ("column", "field", "kind"),
    [
        ("latency.latency", "ratio", "time"),
        ("scoring.query", "over_product", "time"),
        ("scoring.added", "added", "reading"),
    ],
)
def test_times_are_judged_by_their_ratio_and_memory_by_itself(column: str, field: str, kind: str) -> None:
    found = Column(column)
    assert _judged(found, registry.measurements()[found.measurement])[::2] == (field, kind)


@pytest.mark.parametrize(
    ("measurement", "settings", "reason"),
    [
        (
            "accuracy",
            {"dataset": {"name": "mars", "fingerprint": "f00d"}},
            "another dataset (name synthetic, there mars)",
        ),
        ("accuracy", {"protocol": {"name": "strict"}}, "another protocol"),
        ("accuracy", {"recipe": {"steps": 5}}, "another recipe"),
        ("latency", {"precision": "bf16"}, "another precision (fp32, there bf16)"),
        ("latency", {"device": "cuda"}, "another device (cpu, there cuda)"),
        ("memory", {"threads": 4}, "another thread count (2, there 4)"),
        ("complexity", {"version": 2}, "another version of the measurement (1, there 2)"),
    ],
)
def test_what_differs_is_named(measurement: str, settings: dict, reason: str, tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    other = replace(old, store=Store(tmp_path / "other", "machine"), settings=settings)
    other.save()
    assert reason in pairs(new, other)[measurement].reason


def test_another_preset_is_named_as_one(tmp_path: Path) -> None:

    from reidbench.presets import PRESETS

    new, old = two_sides(tmp_path)
    other = replace(old, store=Store(tmp_path / "other", "machine"))
    other.settings = {"recipe": PRESETS["standard"].recipe.identity}
    other.save(only=["accuracy"])
    assert pairs(new, other)["accuracy"].reason == "another preset (quick, there standard)"


def test_what_is_missing_or_stale_is_named(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    empty = Store(tmp_path / "empty", "machine")
    assert pairs(new, replace(old, store=empty))["memory"].reason.startswith("missing there")
    assert pairs(replace(new, store=empty), old)["memory"].reason.startswith("missing here")
    newest = replace(new, source="newest")
    assert pairs(newest, old)["memory"].reason.startswith("stale here")
    assert not pairs(newest, old, exactly=False)["memory"].reason


def test_what_the_baseline_has_and_no_package_is_installed_for_is_named(tmp_path: Path) -> None:
    """What it never had is left out."""
    new, old = two_sides(tmp_path)
    timed = {key: cells for key, cells in new.plan.cells.items() if COLUMNS[key[1]].measurement == "latency"}
    cells = {key: cells for key, cells in new.plan.cells.items() if key not in timed}
    absent = dict.fromkeys(timed, "openvino not installed")
    plan = replace(new.plan, cells=cells, absent=absent, uninstalled=timed)

    def found(here: Store, there: Store, *, exactly: bool = True) -> list[str]:
        pairs = pairs_of(plan, Side(here), Side(there), exactly=exactly)
        return [pair.reason for pair in pairs if pair.row == "Slim" and pair.name == "latency.ratio"]

    empty = Store(tmp_path / "empty", "machine")
    assert found(empty, old.store) == found(old.store, new.store) == ["openvino not installed"]
    assert found(empty, empty) == []
    assert found(old.store, new.store, exactly=False) == [""], "records of other code can be compared all the same"


def test_a_cell_that_failed_here_is_marked(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    new = replace(new, store=Store(tmp_path / "broken", "machine"))
    new.save(status="out-of-memory", error="too large")
    pair = pairs(new, old)["latency"]
    assert pair.failed and pair.reason == "out of memory here: too large"


def test_a_record_is_not_compared_with_itself(tmp_path: Path) -> None:
    new, _ = two_sides(tmp_path)
    found = pairs(new, new).values()
    assert {(pair.reason, pair.unchanged) for pair in found} == {("one and the same record on both sides", True)}


def test_earlier_sessions_of_the_same_code_count_and_earlier_trainings_do_not(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    old.save(session=1)
    new.save(only=["latency"], session=1)
    new.save(only=["latency"], session=2)
    found = pairs(new, old)
    assert len(found["latency"].here) == 3 and len(found["latency"].there) == 2
    assert len(found["throughput"].beside_there) == 2
    assert len(found["accuracy"].there) == 3 and len(found["memory"].there) == 2


OTHERS = tuple(Row(f"Other {width}", "baseline", {"width": width}) for width in range(8, 17))


def with_others(folder: Path, count: int, kept: tuple[str, ...], **changes: Any) -> tuple[Code, Code]:
    """Two sides with so many other rows, of some rows the code being the same on both."""
    return two_sides(folder, rows=(*ROWS, *OTHERS[:count]), kept=kept, **changes)


def test_times_are_divided_by_the_rows_that_did_not_change(tmp_path: Path) -> None:
    new, old = with_others(tmp_path, 3, ("Base", "Other 8", "Other 9"))
    new.save(only=["latency", "throughput"], session=1)
    for name in ("latency", "throughput"):
        found = {
            pair.row: pair
            for pair in pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True)
            if pair.name.startswith(name)
        }
        assert found["Slim"].divisors == found["Other 10"].divisors == ("Base", "Other 8", "Other 9")
        assert found["Other 8"].divisors == ("Base", "Other 9")
        assert found["Base"].reason == "it is the row whose times the others' are divided by"
        assert [name for name, pair in found.items() if pair.exempt] == ["Base"]
        assert all({"Other 8", "Other 9"} <= set(beside) for beside in found["Slim"].beside_here)
    assert pairs(*with_others(tmp_path / "none", 1, ()))["latency"].divisors == ("Base",)


def test_a_reference_row_that_changed_is_judged_by_the_rows_that_did_not(tmp_path: Path) -> None:
    new, old = with_others(tmp_path, 1, ("Other 8",))
    found = {
        pair.row: pair
        for pair in pairs_of(new.plan, Side(new.store), Side(old.store), exactly=True)
        if pair.name == "latency.ratio"
    }
    assert found["Base"].divisors == found["Slim"].divisors == ("Other 8",) and not found["Base"].reason
    assert found["Other 8"].divisors == ("Base",), "for want of another"


def test_no_more_rows_are_divided_by_than_tell_anything(tmp_path: Path) -> None:
    new, old = with_others(tmp_path, 9, ("Base", *(row.name for row in OTHERS)))
    assert pairs(new, old)["latency"].divisors == ("Base", *(row.name for row in OTHERS[:6]))


def test_sessions_without_the_rows_to_divide_by_do_not_count(tmp_path: Path) -> None:
    new, old = with_others(tmp_path, 1, ("Base", "Other 8"))
    replace(new, rows=ROWS).save(only=["latency"], session=1)
    assert pairs(new, old)["latency"].divisors == ("Base",), "the last session has no other"
    new.save(only=["latency"], session=2)
    found = pairs(new, old)["latency"]
    assert found.divisors == ("Base", "Other 8")
    assert [record.started[:10] for record in found.here] == ["2026-01-01", "2026-01-03"]


def test_one_folder_has_the_rows_that_did_not_change_on_both_sides(tmp_path: Path) -> None:
    new, old = with_others(tmp_path, 1, ("Base", "Other 8"))
    old.save(session=1)
    replace(new, store=old.store).save(session=2)
    found = pairs_of(new.plan, Side(old.store), Side(old.store).before(new.plan.all_cells()), exactly=True)
    (slim,) = [pair for pair in found if pair.row == "Slim" and pair.name == "latency.ratio"]
    assert slim.divisors == ("Base", "Other 8") and (len(slim.here), len(slim.there)) == (1, 2)


def test_the_baseline_is_the_code_that_was_measured_last(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    replace(old, source="later").save(session=3)
    assert {pair.there[0].cell["source"] for pair in pairs(new, old).values()} == {"later"}


def test_a_rate_needs_the_reference_row_in_its_session(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    for path in (old.store.folder / "throughput").glob("base-*.json"):
        path.unlink()
    for path in (old.store.folder / "latency").glob("base-*.json"):
        path.unlink()  # whose readings are in the records of the others
    found = pairs(new, old)
    assert found["throughput"].reason.startswith("the session there lacks the reference row")
    assert not found["latency"].reason


def test_doubtful_cells_are_those_of_the_measurement(tmp_path: Path) -> None:
    new, _ = two_sides(tmp_path)
    places = set(doubtful_cells(new.plan, [("Slim", "latency.ratio")]))
    assert places == {("Slim", 2), ("Slim", 3)}


def test_other_options_of_a_row_are_named(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    for path in [*old.store.folder.glob("*/slim-*.json")]:
        path.unlink()
    other = Row("Slim", "baseline", {"width": 16})
    for column in COLUMNS[1:2]:
        cell = old.cell(other, column)
        old.store.save(old._record(cell, {"params": 1.0}, {}, 0, "ok", ""))
    assert "width 32, there 16" in pairs(new, old)["complexity"].reason


SPLITS = tuple({"name": "ilids", "fingerprint": f"f{k}", "options": {"split": k}, "splits": 10} for k in (1, 2, 3))


def over_splits(code: Code) -> Code:
    """The code with records of three splits of a dataset, and the plan of them."""

    class OverSplits(Code):
        @property
        def plan(self) -> Plan:
            plans = [replace(code, settings={"dataset": dataset}).plan for dataset in SPLITS]
            cells = {
                place: tuple(cell for plan in plans for cell in plan.cells[place])
                for place, own in plans[0].cells.items()
                if own[0].measurement == "accuracy"
            }
            return replace(plans[0], cells=cells)

    made = OverSplits(**{each.name: getattr(code, each.name) for each in fields(code)})
    made.save()
    return made


def test_a_dataset_with_splits_is_one_pair_of_all_of_them(tmp_path: Path) -> None:
    new, old = (over_splits(code) for code in two_sides(tmp_path))
    pair = pairs(new, old)["accuracy"]
    assert not pair.reason
    for records in (pair.here, pair.there):
        settings = [record.cell["settings"] for record in records]
        found = {(each["dataset"]["options"]["split"], each["seed"]) for each in settings}
        assert len(settings) == 9 and found == {(split, seed) for split in (1, 2, 3) for seed in (0, 1, 2)}
        assert [each["dataset"]["options"]["split"] for each in settings] == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def one_seed_over_splits(folder: Path) -> tuple[Code, Code]:
    new, old = (replace(code, seeds=1) for code in two_sides(folder))
    return over_splits(new), over_splits(old)


def remove(code: Code, *datasets: dict[str, Any]) -> None:
    for record in code.store.records("accuracy"):
        if record.cell["settings"]["dataset"] in datasets:
            code.store.path(record).unlink()


def test_what_is_so_in_every_split_is_said_once(tmp_path: Path) -> None:
    new, old = one_seed_over_splits(tmp_path)
    remove(new, *SPLITS, {"name": "synthetic", "fingerprint": "f00d"})
    assert pairs(new, old)["accuracy"].reason == "missing here: not measured"


def test_a_split_that_failed_marks_the_pair(tmp_path: Path) -> None:
    new, old = one_seed_over_splits(tmp_path)
    remove(new, SPLITS[1])
    second = Code(new.store, new.source, seeds=1, settings={"dataset": SPLITS[1]})
    second.save(only=["accuracy"], status="out-of-memory", error="too large")
    found = pairs(new, old)["accuracy"]
    assert found.failed and found.reason == "split 2: out of memory here: too large"


def test_a_split_that_one_side_lacks_is_named(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    found = pairs(over_splits(new), old)["accuracy"]
    assert found.reason.startswith("split 1: another dataset"), "none of them is there"
    replace(old, settings={"dataset": SPLITS[0]}).save(only=["accuracy"])
    found = pairs(over_splits(new), old)["accuracy"]
    assert found.reason.startswith("split 2: another dataset")


def test_code_is_not_compared_with_its_own_further_seeds(tmp_path: Path) -> None:
    """Records of two versions lie in one folder, and a plan of one seed asks for what else was measured there."""
    new, old = two_sides(tmp_path)
    replace(old, store=new.store).save(only=["accuracy"])
    new.save(only=["accuracy"], session=1)
    plan = replace(new, seeds=1).plan
    (base, *_) = [cell for cell in plan.all_cells() if cell.measurement == "accuracy"]
    assert {record.cell["source"] for record in Side(new.store).of(base)} == {"new"}
    before = Side(new.store).before(plan.all_cells()).of(base)
    assert [record.cell["source"] for record in before] == ["old"] * 3


def test_a_folder_against_itself_says_of_what_is_the_same_that_it_is(tmp_path: Path) -> None:
    """And not that it is missing, or of another precision than some other record."""
    new, _ = two_sides(tmp_path)
    found = pairs_of(new.plan, Side(new.store), Side(new.store).before(new.plan.all_cells()), exactly=True)
    assert {(pair.reason, pair.unchanged) for pair in found} == {("one and the same code on both sides", True)}
    assert all(pair.here for pair in found)


def test_a_quantity_that_is_neither_better_nor_worse_is_left_out(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    columns = (*COLUMNS[:4], Column("throughput.batch"), COLUMNS[5])
    plan = replace(new.plan, suite=replace(new.plan.suite, columns=columns))
    found = pairs_of(plan, Side(new.store), Side(old.store), exactly=True)
    assert {pair.name.partition(".")[0] for pair in found} == {"accuracy", "complexity", "latency", "memory"}


def test_the_title_tells_the_levels_of_a_factor_apart(tmp_path: Path) -> None:
    new, old = two_sides(tmp_path)
    levels = (("", 0.0), ("people", 0.0))
    for level, title in zip(levels, ("mAP", "mAP, nobody"), strict=True):
        first = replace(COLUMNS[0], title="nobody", level=level)
        plan = replace(new.plan, suite=replace(new.plan.suite, columns=(first, *COLUMNS[1:])))
        found = pairs_of(plan, Side(new.store), Side(old.store), exactly=True)
        assert {pair.title for pair in found if pair.kind == "accuracy"} == {title}
