"""What `import reidbench` offers: names that say what they take, and plugins from Python."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

import reidbench

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


def test_records_are_loaded_without_torch() -> None:
    code = (
        "import sys, reidbench; frame = reidbench.load_records('figure1', sys.argv[1]); "
        "assert len(frame); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(ROOT / "results")], cwd=ROOT, check=True)
