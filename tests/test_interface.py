"""What `import reidbench` offers: names that say what they take, and plugins from Python."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from torch import nn

import reidbench
from reidbench.reporting.answers.evaluation_frame import EVALUATION_COLUMNS
from reidbench.reporting.findings.difference_frame import DIFFERENCE_COLUMNS
from reidbench.reporting.tables.dataframe import FRAME_COLUMNS

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs" / "examples"


def test_every_name_has_a_docstring_and_typed_parameters() -> None:
    for name in reidbench.__all__:
        found = getattr(reidbench, name)
        assert found.__doc__, name
        if inspect.isfunction(found):
            for parameter in inspect.signature(found).parameters.values():
                assert parameter.annotation is not inspect.Parameter.empty, f"{name}: {parameter}"


def test_a_model_of_ones_own_is_built_after_its_file_was_added() -> None:
    reidbench.add_plugin(EXAMPLES / "mynet.py")
    model = reidbench.build("mynet", depth=18, width=8, classes=3)
    assert isinstance(model, nn.Module) and model.classifier is not None


def test_records_of_ones_own_suite_are_found_by_its_files(tmp_path: Path) -> None:
    plugins = [EXAMPLES / "mynet.py", EXAMPLES / "mysuite.py"]
    with pytest.raises(reidbench.UserError, match=f"no records under {tmp_path}"):
        reidbench.load_records("mysuite", tmp_path, plugins=plugins)
    with pytest.raises(reidbench.UserError, match=f"no records under {tmp_path}"):
        reidbench.load_records("mysuite", tmp_path, plugins=str(plugins[1]))


LOADERS = [partial(reidbench.load_records, "table2"), partial(reidbench.load_differences, "table2")]


@pytest.mark.parametrize("load", [*LOADERS, reidbench.load_evaluations])
@pytest.mark.parametrize("given", [None, 5])
def test_what_is_no_path_is_refused_in_one_line(load: Callable[..., object], given: object) -> None:
    with pytest.raises(reidbench.UserError, match=f"^results={given}: give the folder that holds the results"):
        load(given)
    with pytest.raises(reidbench.UserError, match=f"^plugins={given}: give files, as texts or paths"):
        load(ROOT / "results", plugins=given)


def test_any_path_of_the_system_is_taken(tmp_path: Path) -> None:
    class Somewhere(os.PathLike[str]):
        def __fspath__(self) -> str:
            return str(tmp_path)

    with pytest.raises(reidbench.UserError, match=f"no records under {tmp_path}"):
        reidbench.load_records("table2", Somewhere())
    with pytest.raises(reidbench.UserError, match=f"--plugin {tmp_path}: no such file"):
        reidbench.load_records("table2", ROOT / "results", plugins=Somewhere())


def test_the_docstring_of_the_package_names_what_it_offers() -> None:
    assert set(re.findall(r"`(\w+)`", reidbench.__doc__ or "")) == set(reidbench.__all__)


def test_records_are_loaded_without_torch() -> None:
    code = (
        "import sys, reidbench; results = sys.argv[1]; assert len(reidbench.load_records('kernels', results)); "
        "assert len(reidbench.load_differences('kernels', results)); assert reidbench.load_evaluations(results).empty; "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(ROOT / "results")], cwd=ROOT, check=True)


def test_the_docstring_lists_every_column_of_a_frame_and_every_entry_of_a_profile() -> None:
    entries = reidbench.profile("baseline", shape=(1, 1, 3, 64, 32), rounds=1)
    inner = [*entries["macs"], *entries["latency"], *entries["memory"]]
    for documented, names in (
        (reidbench.load_records, FRAME_COLUMNS),
        (reidbench.load_differences, DIFFERENCE_COLUMNS),
        (reidbench.load_evaluations, EVALUATION_COLUMNS),
        (reidbench.profile, [*entries, *inner, "operations"]),
    ):
        told = set(re.findall(r"[`\"](\w+)[`\"]", documented.__doc__ or ""))
        assert set(names) <= told, set(names) - told
