"""The registry: what exists is read from source text, wrong names get the nearest one, hashes follow the code."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reidbench import registry
from reidbench.discovery import source
from reidbench.discovery.importing import child_environment
from reidbench.planning.plan import cost_options
from reidbench.spec import Row, UserError


def test_every_model_is_listed_with_a_line_and_literal_options() -> None:
    assert {"baseline", "two_branch", "bicnet", "bicnet_tk", "bicnet_tks", "tclnet"} <= set(registry.models())
    for entry in registry.models().values():
        assert entry.about
        assert entry.options["classes"] == 0


def test_a_preset_is_its_function_with_other_defaults() -> None:
    assert registry.resolve_options("bicnet_tks", {})["temporal"] == "tks"
    assert registry.resolve_options("bicnet_tks", {"temporal": "tk"})["temporal"] == "tk"
    assert registry.models()["bicnet_tks"].function == "bicnet"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: registry.build("bicnet_tkss"), "did you mean 'bicnet_tks'"),
        (lambda: registry.build("bicnet", alhpa=3), "no option 'alhpa'; did you mean 'alpha'"),
        (lambda: registry.suite("tabel2"), "did you mean 'table2'"),
        (lambda: registry.build("bicnet", alpha=-1), "model bicnet: .*alpha"),
        (lambda: registry.build("bicnet", classes=-1), "model bicnet: classes=-1; give their number, or 0"),
        (lambda: registry.build("bicnet", classes="ten"), "model bicnet: classes='ten'; give their number"),
        (lambda: registry.build(3), "3 is no name of a model; give a text"),
        (lambda: registry.suite("paper"), "suite paper: is a collection of table1, .*; name one of them"),
    ],
)
def test_errors_are_one_line_and_propose_the_nearest_name(call, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_whole_numbers_too() -> None:
    model = registry.build("baseline", classes=np.int64(3), width=np.int32(4), blocks=(np.int8(1),) * 4)
    assert model.classifier.out_features == 3
    with pytest.raises(UserError, match="width=True must be a whole number"):
        registry.build("baseline", width=True)


COMMANDS = ("list", "audit", "report", "profile", "train", "evaluate", "data", *registry.suite_paths())
OPTIONS = ("--preset", "--rows", "--seeds", "--dataset", "--device", "--only", "--plugin", "--weights", "--root")


@pytest.mark.parametrize(
    ("typed", "meant", "known"),
    [
        ("tabel2", "table2", COMMANDS),
        ("lsit", "list", COMMANDS),
        ("pfd", "pdf", ("html", "latex", "md", "pdf")),
        ("evalute", "evaluate", COMMANDS),
        ("fig1", "figure1", COMMANDS),
        ("complex", "complexity", COMMANDS),
        ("kernel", "kernels", COMMANDS),
        ("--pre", "--preset", OPTIONS),
        ("--weigths", "--weights", OPTIONS),
        ("bicnet-tks", "bicnet_tks", registry.models()),
        ("BICNET", "bicnet", registry.models()),
        ("Standart", "standard", ("quick", "standard", "full")),
        ("Base-X", "Base-S (128x64)", ("Base-S (128x64)", "Two-branch (TB)")),
    ],
)
def test_a_typing_error_is_answered_with_what_was_meant(typed: str, meant: str, known: Iterable[str]) -> None:
    assert registry.nearest(typed, known) == f"; did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        *((name, COMMANDS) for name in ("foo", "bar", "run", "tests", "compare", "help", "latency", "bicnet", "mars")),
        *((name, OPTIONS) for name in ("--gpu", "--cuda", "--epochs", "--output", "--verbose")),
        *((name, registry.models()) for name in ("resnet50", "vrstc", "transreid")),
        ("fast", ("quick", "standard", "full")),
    ],
)
def test_an_unrelated_name_is_answered_with_all_that_there_are(typed: str, known: Iterable[str]) -> None:
    assert registry.nearest(typed, known) == f"; there are {', '.join(sorted(known))}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": "x"}, "model bicnet: alpha='x' must be a whole number, such as 3"),
        ({"kernels": 3}, "model bicnet: kernels=3 must be a tuple, each element a whole number, such as (3, 5)"),
        ({"csp": "no"}, "model bicnet: csp='no' must be True or False"),
        ({"attention": 1}, "model bicnet: attention=1 must be a text, such as 'dao'"),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_before_anything_is_built(options: dict, message: str) -> None:
    with pytest.raises(UserError) as caught:
        registry.resolve_options("bicnet", options)
    assert str(caught.value) == message
    registry.resolve_options("bicnet", {"tks_scale": 1, "kernels": [3, 7], "small": "input"})


def test_an_option_without_a_default_has_to_be_given(tmp_path: Path) -> None:
    path = tmp_path / "needy.py"
    path.write_text(PLUGIN.format(name="needy").replace("depth=3", "depth"))
    registry.add_plugin(path)
    with pytest.raises(UserError, match="model needy: depth has no default; give it, in a row's options or with --set"):
        registry.build("needy")
    assert registry.build("needy", depth=5) == 5


def test_options_from_json_are_tuples_again() -> None:
    slim = {"width": 16, "blocks": [1, 1, 1, 1], "size": [64, 32]}
    assert registry.build("baseline", **slim).trunk.channels == (64, 128, 256, 512)


PLUGIN = '''"""A user's own."""
from reidbench.registry import model
from reidbench.spec import Column, Row, Suite

@model()
def {name}(*, classes=0, depth=3):
    """My network."""
    return depth if depth != 7 else [][depth]

SUITE = Suite("Mine", (Row("r", "{name}"),), (Column("complexity.macs"),), "r")
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "mysuite.py"
    path.write_text(PLUGIN.format(name="mynet"))
    registry.add_plugin(path)
    return path


def test_a_plugin_brings_models_and_a_suite(plugin: Path) -> None:
    assert registry.models()["mynet"].about == "My network."
    assert registry.build("mynet", depth=5) == 5
    assert registry.suite("mysuite").title == "Mine"


def test_costs_are_measured_at_the_papers_size_whatever_a_models_default(tmp_path: Path) -> None:
    path = tmp_path / "sized.py"
    path.write_text(PLUGIN.format(name="sized").replace("depth=3", "depth=3, size=(96, 32)"))
    registry.add_plugin(path)
    assert registry.size_of_costs("sized") == {"size": (256, 128)}
    assert cost_options(Row("r", "sized"))["size"] == (256, 128)
    assert cost_options(Row("r", "sized", {"size": (64, 32)}))["size"] == (64, 32)
    assert not registry.size_of_costs("bicnet_tks") and not registry.size_of_costs("baseline")


def test_a_plugins_function_that_fails_is_named(plugin: Path) -> None:
    with pytest.raises(UserError, match=r"mysuite\.py: model mynet: IndexError: list index out of range"):
        registry.build("mynet", depth=7)


@pytest.mark.parametrize("decorator", ["@model", "@model()", "@registry.model"])
def test_the_decorator_may_go_without_its_parentheses(decorator: str, tmp_path: Path) -> None:
    path = tmp_path / "bare.py"
    text = PLUGIN.format(name="bare").replace("@model()", decorator)
    path.write_text(text.replace("from reidbench.spec", "from reidbench import registry\nfrom reidbench.spec"))
    registry.add_plugin(path)
    assert registry.models()["bare"].about == "My network."
    assert registry.build("bare", depth=2) == 2


MEASUREMENT = """from reidbench.registry import measurement

@measurement(quantities={{}}, mode={mode!r})
def {name}(cells, progress): ...
"""


def test_a_measurement_of_an_unknown_mode_is_refused_where_it_is_registered(tmp_path: Path) -> None:
    path = tmp_path / "batched.py"
    path.write_text(
        "from reidbench.registry import measurement\n\n"
        "@measurement(quantities={}, mode='batched')\ndef mine(cells, progress): ...\n"
    )
    told = r"batched\.py, line 3: measurement mine: mode must be alone, batch or interleaved, not 'batched'"
    with pytest.raises(UserError, match=told):
        registry.add_plugin(path)
    assert "mine" not in registry.measurements()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def (", "not a Python file"),
        (None, "no such file"),
        ("def mine(): ...", "bad.py: registers nothing; put @model, @dataset or @measurement before a function"),
    ],
)
def test_a_bad_plugin_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "bad.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=message):
        registry.add_plugin(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PLUGIN.format(name="bicnet"), "model 'bicnet' is defined in both"),
        (
            MEASUREMENT.format(name="complexity", mode="batch"),
            r"'complexity' is defined in both .*costs\.py",
        ),
        (MEASUREMENT.format(name="again", mode="aloone"), "mode must be alone"),
    ],
)
def test_a_plugin_that_was_refused_is_as_if_never_added_and_can_be_mended(text: str, told: str, tmp_path: Path) -> None:
    known, path = registry.measurements(), tmp_path / "again.py"
    path.write_text(text)
    with pytest.raises(UserError, match=told):
        registry.add_plugin(path)
    assert registry.measurements() == known and "bicnet" in registry.models()
    path.write_text(text.replace("bicnet", "mine").replace("complexity", "mine").replace("aloone", "alone"))
    registry.add_plugin(path)
    assert {"mine", "again"} & {*registry.models(), *registry.measurements()}


def test_a_plugin_may_have_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"n\xe9t.py")
    path.write_text(PLUGIN.format(name="untold"))
    registry.add_plugin(path)
    assert registry.build("untold") == 3 and len(registry.model_source("untold")) == 12


def test_a_plugin_that_was_edited_is_read_anew_when_it_is_added_again(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text(PLUGIN.format(name="edited") + MEASUREMENT.format(name="of_before", mode="batch"))
    registry.add_plugin(path)
    source, plugins = registry.model_source("edited"), registry.plugins()
    assert registry.build("edited") == 3
    path.write_text(PLUGIN.format(name="edited").replace("depth=3", "depth=4").replace('"Mine"', '"Edited"'))
    registry.add_plugin(path)
    assert registry.build("edited") == 4 and registry.suite("edited").title == "Edited"
    assert registry.model_source("edited") != source
    assert registry.plugins() == plugins and "of_before" not in registry.measurements()
    path.write_text("def (")
    with pytest.raises(UserError, match="not a Python file"):
        registry.add_plugin(path)
    assert "edited" not in registry.models()


CELL = """
from reidbench.registry import dataset, model

@model
def celled(*, classes=0): ...

@dataset(splits=2)
def data(root): ...
"""


def run_as_main(*command: str) -> list[str]:
    command = (sys.executable, *command)
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=child_environment())
    return [line for line in told.stderr.splitlines() if "Warning" in line]


def test_what_is_registered_in_a_notebooks_cell_is_said_to_be_unknown_and_a_scripts_own_file_is_not(
    tmp_path: Path,
) -> None:
    said = run_as_main("-c", CELL)
    assert len(said) == 2
    assert "UserWarning: @model celled: is not registered, for only files are read; write it into a file" in said[0]
    assert "@dataset data: is not registered" in said[1]
    script = tmp_path / "mine.py"
    script.write_text(f"import reidbench\n{CELL}\nreidbench.add_plugin(__file__)\nreidbench.build('celled')\n")
    assert run_as_main("-P", str(script)) == []


def test_a_model_stands_on_a_resnet_where_it_does_not_say_otherwise(plugin: Path) -> None:
    assert registry.models()["mynet"].trunk == registry.models()["bicnet_tks"].trunk == "resnet"


def test_a_model_may_stand_on_no_trunk(tmp_path: Path) -> None:
    path = tmp_path / "mytrunk.py"
    path.write_text(PLUGIN.format(name="mytrunk").replace("@model()", '@model(trunk="none")'))
    registry.add_plugin(path)
    assert registry.trunk_of("mytrunk") == "none"


@pytest.mark.parametrize("given", ['"renset"', "KIND", "3"])
def test_a_trunk_that_is_not_known_is_refused(tmp_path: Path, given: str) -> None:
    path = tmp_path / "mytrunk.py"
    path.write_text(PLUGIN.format(name="mytrunk").replace("@model()", f"@model(trunk={given})"))
    with pytest.raises(UserError, match=r"mytrunk\.py, line 6: its trunk must be one of 'resnet', "):
        registry.add_plugin(path)


def code(text: str) -> str:
    return source.code(ast.parse(text))


def test_the_source_hash_follows_code_and_nothing_else() -> None:
    plain = code("def f(x):\n    return x + 1\n")
    assert plain == code('def f(x):  # why\n    """What."""\n\n    return (x + 1)\n')
    assert plain != code("def f(x):\n    return x + 2\n")


def test_the_source_hash_covers_the_files_a_model_imports() -> None:
    path = registry.models()["bicnet"].path
    assert path.parent / "resnet.py" in source.with_siblings(path)
    assert registry.model_source("bicnet") == registry.model_source("bicnet_tks")
    assert registry.model_source("bicnet") != registry.model_source("tclnet")


def test_the_projects_measurements_are_imported_once_and_a_plugins_are_seen_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = registry.measurements()
    monkeypatch.setattr(registry.importlib, "import_module", lambda name: pytest.fail(f"{name} is imported again"))
    assert registry.measurements() == known
    monkeypatch.setitem(registry.MEASUREMENTS, "of_a_plugin", replace(known["latency"], name="of_a_plugin"))
    assert registry.measurements().keys() - known.keys() == {"of_a_plugin"}
