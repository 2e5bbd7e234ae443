"""The wheel holds the whole package and nothing generic, and the project runs from a plain checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def tracked(*folders: str) -> set[str]:
    answer = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_the_wheel_holds_exactly_the_package(tmp_path: Path) -> None:
    source = tmp_path / "source"
    wanted = tracked("reidbench", "models", "suites", "pyproject.toml", "README.md", "LICENSE")
    for name in wanted:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    packed = {name for name in names if ".dist-info/" not in name}
    inside = {f"reidbench/{n}" if n.startswith(("models/", "suites/")) else n for n in wanted}
    assert packed == {name for name in inside if name.startswith("reidbench/")}


def test_runs_from_a_checkout_that_is_not_installed() -> None:
    code = "import reidbench.discovery.importing as r; print(r.import_file(r.folder('suites') / 'table2.py').__name__)"
    answer = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env={"PATH": ""}
    )
    assert answer.stdout.strip() == "reidbench.suites.table2"
