"""A user's file that cannot be imported is said to be so in one line, with the file and the place in it."""

import hashlib
import os
from pathlib import Path

import pytest

from reidbench import registry
from reidbench.discovery.importing import HERE, check_imports, child_environment, folder, import_file, module_name
from reidbench.spec import UserError


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return path


def test_a_file_is_imported_once_and_a_file_of_the_project_under_its_own_name(tmp_path: Path) -> None:
    path = file(tmp_path, "VALUE = object()")
    assert import_file(path).VALUE is import_file(path).VALUE
    assert import_file(folder("suites") / "table2.py").__name__ == "reidbench.suites.table2"


def test_a_folder_whose_name_is_no_text_holds_files_like_any_other(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    assert import_file(file(folder, "VALUE = 3")).VALUE == 3
    ordinary = Path("/caf\u00e9/mine.py")
    assert module_name(ordinary).endswith(f"_{hashlib.sha256(str(ordinary).encode()).hexdigest()[:8]}")


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


def test_a_file_that_changed_between_being_read_and_being_imported_is_not_run_under_what_was_read(
    tmp_path: Path,
) -> None:
    path = file(tmp_path, "from reidbench.registry import model\n\n\n@model\ndef mine(*, classes=0): return 1\n")
    registry.add_plugin(path)
    text = path.read_text()
    path.write_text(text.replace("return 1", "return 2"))
    with pytest.raises(UserError, match=r"mine\.py: has changed since it was read; start again, or .* add_plugin"):
        registry.build("mine")
    registry.add_plugin(path)
    assert registry.build("mine") == 2
