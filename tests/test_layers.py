"""The layers of the project: imports run downwards only, and what must start fast imports no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LAYERS = [
    {"bench", "reidbench.__main__"},
    {"reidbench.cli"},
    {"reidbench.commands"},
    {"reidbench.regression"},
    {"reidbench.running", "reidbench.reporting", "reidbench.doctor"},
    {"reidbench.reporting.answers"},
    {"reidbench.reporting.figures"},
    {"reidbench.reporting.findings"},
    {"reidbench.reporting.tables"},
    {"reidbench.reporting.documents"},
    {"reidbench.audit"},
    {"reidbench.measurements"},
    {"reidbench.planning"},
    {"reidbench.presets"},
    {"reidbench.inspection"},
    {"reidbench.experiments"},
    {"reidbench.training", "reidbench.retrieval", "reidbench.profiling", "reidbench.store"},
    {"reidbench.estimates", "reidbench.doubts", "reidbench.scatter"},
    {"reidbench.clusters"},
    {"reidbench.statistics", "reidbench.deployment"},
    {"reidbench.data", "reidbench.machine", "reidbench.precision", "reidbench.distributed"},
    {"models"},
    {"suites"},
    {"reidbench.soundness"},
    {"reidbench.registry"},
    {"reidbench.discovery"},
    {"reidbench.files", "reidbench.options", "reidbench.resources"},
    {"reidbench.launch", "reidbench.trunks", "reidbench.recipes", "reidbench.authors"},
    {"reidbench.spec", "reidbench.json_trees", "reidbench.program", "reidbench.environment"},
]
"""From the top down. A module may import those below it and, inside its own package, its neighbours."""


def files() -> list[Path]:
    return sorted([*ROOT.glob("reidbench/**/*.py"), *ROOT.glob("models/*.py"), *ROOT.glob("suites/*.py")])


def place(module: str) -> tuple[int, str]:
    """The layer of a module and the name there that covers it, the longest that does."""
    known = {name: index for index, names in enumerate(LAYERS) for name in names}
    while module not in known:
        module, _, _ = module.rpartition(".")
        assert module, "it has no layer: add it to LAYERS"
    return known[module], module


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """The project's modules that a file imports anywhere, by the names used in LAYERS."""
    found: set[str] = set()
    package = module_name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            home = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (home, node.module)))
            candidates = {f"{base}.{alias.name}" for alias in node.names}
            found |= {c if is_module(c) else base for c in candidates}
    return {name for name in found if name.split(".")[0] in ("reidbench", "models", "suites")}


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


@pytest.mark.parametrize("path", files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards(path: Path) -> None:
    if path == ROOT / "reidbench" / "__init__.py":
        return  # the public names, imported inside functions
    importer = module_name(path)
    for imported in imports(path):
        if imported == "reidbench":
            continue
        above, below = place(importer), place(imported)
        assert above == below or above[0] < below[0], f"{importer} imports {imported}, which does not stand below it"


@pytest.mark.parametrize("path", sorted(ROOT.glob("models/*.py")), ids=lambda p: p.name)
def test_models_import_only_the_vocabulary_and_each_other(path: Path) -> None:
    for name in imports(path):
        assert name in ("reidbench.registry", "reidbench.spec") or name.startswith("models."), name


@pytest.mark.parametrize("path", sorted(ROOT.glob("suites/*.py")), ids=lambda p: p.name)
def test_suites_import_only_the_vocabulary_and_each_other(path: Path) -> None:
    for name in imports(path):
        assert name == "reidbench.spec" or name.startswith("suites."), name


FAST = [
    *("cli", "registry", "store", "launch", "measurements", "deployment.backends"),
    *(f"commands.{path.stem}" for path in sorted(ROOT.glob("reidbench/commands/[a-z]*.py"))),
    *(
        "planning.plan",
        "planning.recorded",
        "planning.today",
        "reporting.tables.dataframe",
        "running.runner",
        "running.display",
        "experiments.weights",
    ),
    *("reporting.writing", "reporting.answers.scores", "reporting.answers.profile_text", "regression.presentation"),
    *("doctor.installation", "doctor.host", "doctor.noise", "doctor.records"),
]


IMPORTING = """
import importlib, sys
for module in sys.argv[1:]:
    importlib.import_module(f"reidbench.{module}")
    if "torch" in sys.modules:
        sys.exit(f"{module} imports torch")
"""


def test_what_must_start_fast_does_not_import_torch() -> None:
    command = [sys.executable, "-c", IMPORTING, *FAST]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
