"""A user's file that cannot be imported is said to be so in one line, with the file and the place in it."""

import os
from pathlib import Path

import pytest

from reidbench import registry
from reidbench.discovery import importing
from reidbench.discovery.importing import HERE, check_imports, child_environment, folder, import_file
from reidbench.spec import UserError


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return path


def test_a_file_is_imported_once_and_a_file_of_the_project_under_its_own_name(tmp_path: Path) -> None:
    path = file(tmp_path, "VALUE = object()")
    assert import_file(path).VALUE is import_file(path).VALUE
    assert import_file(folder("suites") / "table2.py").__name__ == "reidbench.suites.table2"


SUITE = "from reidbench.spec import Column, Row, Suite\n\nSUITE = "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{SUITE}Suite('Mine', (), ())",
            "{path}, line 3: TypeError: Suite() missing 1 required positional argument: 'reference'",
        ),
        (
            f"{SUITE}Suite('Mine', (Row(),), (), 'A')",
            "{path}, line 3: TypeError: Row() missing 1 required positional argument: 'name'",
        ),
        (
            f"{SUITE}Suite('Mine', (Row('A', modl='baseline'),), (), 'A')",
            "{path}, line 3: TypeError: Row() got an unexpected keyword argument 'modl'",
        ),
        (
            "import json\n\n\nSUITE = json.loads('{')",
            "{path}, line 4: JSONDecodeError: Expecting property name enclosed in ",
        ),
        ("def (", "{path}: not a Python file: invalid syntax"),
    ],
)
def test_what_stops_an_import_is_one_line_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = file(tmp_path, text)
    with pytest.raises(UserError) as caught:
        registry.add_plugin(path)
        import_file(path)
    said = str(caught.value)
    assert said.startswith(message.format(path=path)) and "\n" not in said


@pytest.mark.parametrize("text", ["import reidbench_no_such", "from reidbench_no_such.layers import Layer"])
def test_a_package_that_is_not_installed_is_told_when_the_plugin_is_added(tmp_path: Path, text: str) -> None:
    path = file(tmp_path, f"import json\n{text}\n")
    with pytest.raises(UserError, match=r"mine\.py, line 2: imports reidbench_no_such.*, which is not installed here"):
        check_imports(path)
    with pytest.raises(UserError, match="not installed here"):
        registry.add_plugin(path)
    assert str(path) not in registry.plugins()


def test_a_child_finds_this_package_first_and_what_was_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    home = str(HERE.parent)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    found = child_environment(REIDBENCH_ROOT="there")
    assert found == {**os.environ, "PYTHONPATH": f"{home}{os.pathsep}elsewhere", "REIDBENCH_ROOT": "there"}
    monkeypatch.delenv("PYTHONPATH")
    assert child_environment()["PYTHONPATH"] == home


def test_an_extra_is_installed_from_the_checkout_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is none, the package was installed from somewhere that has it by name."""
    assert importing.install_command("pdf") == "pip install -e '.[pdf]'"
    monkeypatch.setattr(importing, "HERE", tmp_path / "reidbench")
    assert importing.install_command("pdf") == "pip install 'reidbench[pdf]'"
