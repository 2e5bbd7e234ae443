"""Python, the packages, the extras and the compiler, against what pyproject.toml asks for. Imports no torch."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from reidbench import __version__, machine
from reidbench.doctor.findings import Finding
from reidbench.program import HERE, install_command

NAME = "reidbench"
DEVELOPERS = "test"
"""The extra that only who changes the code needs."""

SECONDS_TO_IMPORT = 120

SAFE_READER = ">=2.10"
"""The versions of torch whose reader of weights a hostile file cannot make corrupt memory, as CVE-2026-24747 says."""

ASK_TORCH = """import json, torch
print(json.dumps({
    "version": torch.__version__,
    "cuda": torch.version.cuda,
    "devices": [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())],
    "threads": torch.get_num_threads(),
}))"""


@dataclass(frozen=True)
class Declared:
    """What the project says that it needs: a range of Python, and requirements such as `numpy>=1.26`, by extra too."""

    python: str
    required: tuple[str, ...]
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def examine() -> list[Finding]:
    """All findings on the installation, in the order in which they are shown."""
    needs = declared()
    reader = reader_of_weights(installed("torch"))
    return [itself(), python(needs), *required(needs), torch_itself(), *reader, compiler(), *extras(needs)]


def declared() -> Declared:
    """From the checkout's pyproject.toml, or what was installed with the package."""
    file = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if file.is_file() and (project := tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})):
        extras = {name: tuple(lines) for name, lines in project.get("optional-dependencies", {}).items()}
        return Declared(project["requires-python"], tuple(project["dependencies"]), extras)
    about = metadata.metadata(NAME)
    needs: dict[str, list[str]] = {"": []}
    for line in metadata.requires(NAME) or ():
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra\s*==\s*[\"']([^\"']+)", marker)
        needs.setdefault(extra[1] if extra else "", []).append(requirement.strip())
    return Declared(
        about["Requires-Python"] or "", tuple(needs.pop("")), {name: tuple(lines) for name, lines in needs.items()}
    )


def itself() -> Finding:
    """The version of this project that runs, and where it lies: another may be installed."""
    facts = {"version": __version__, "folder": str(HERE)}
    return Finding(NAME, f"{__version__} in {HERE}", facts=facts)


def python(needs: Declared) -> Finding:
    """The running Python against the project's range."""
    version = platform.python_version()
    facts = {"version": version, "executable": sys.executable}
    if fits(version, needs.python):
        return Finding("Python", f"{version} ({needs.python})", facts=facts)
    return Finding("Python", f"{version} is outside {needs.python}: install such a Python", "wrong", facts)


def required(needs: Declared) -> Iterator[Finding]:
    """One finding on the packages that are as they should be, one on each that is not."""
    versions = {split(line): installed(split(line)[0]) for line in needs.required}
    sound = {name: found for (name, wanted), found in versions.items() if found and fits(found, wanted)}
    listed = ", ".join(f"{name} {version}" for name, version in sound.items())
    if sound:
        yield Finding("packages", f"{len(sound)} of {len(versions)} are there in their ranges: {listed}", facts=sound)
    for (name, wanted), found in versions.items():
        if name not in sound:
            what = f"{found} is outside {wanted}" if found else "not installed"
            yield Finding(name, f"{what}: pip install '{name}{wanted}'", "wrong", {"version": found, "range": wanted})


def torch_itself() -> Finding:
    """Whether torch can be imported, in a process of its own that its libraries may crash, and what GPU it sees."""
    if not installed("torch"):
        return Finding("torch", "not installed: reports can be written, but nothing can be measured", "wrong")
    try:
        answer = subprocess.run(
            [sys.executable, "-P", "-c", ASK_TORCH],
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_IMPORT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding("torch", f"not imported after {SECONDS_TO_IMPORT} s: reinstall it", "wrong")
    if answer.returncode:
        said = (answer.stderr.strip() or f"exit code {answer.returncode}").splitlines()[-1]
        return Finding("torch", f"cannot be imported ({said}): reinstall it", "wrong")
    return about_torch(json.loads(answer.stdout), gpu_of_driver())


def about_torch(facts: Mapping[str, Any], gpu: str) -> Finding:
    """What torch said of itself, beside the GPU that the driver names ("" for none)."""
    text = f"imports with {facts['threads']} threads"
    if facts["devices"]:
        return Finding("torch", f"{text}; CUDA {facts['cuda']} on {', '.join(facts['devices'])}", facts=facts)
    if not gpu:
        return Finding("torch", f"{text}; no CUDA GPU on this machine", facts=facts)
    if facts["cuda"]:
        advice = f"its CUDA {facts['cuda']} does not see the {gpu}: update the driver, or install a torch for it"
        return Finding("torch", f"{text}; {advice}", "wrong", facts)
    advice = f"it is a build for CPUs, though there is a {gpu}: install a CUDA build to measure on it"
    return Finding("torch", f"{text}; {advice}", "note", facts)


def reader_of_weights(version: str) -> Iterator[Finding]:
    """A note where the installed torch ("" for none) does not read the weights of strangers safely."""
    if version and not fits(version, SAFE_READER):
        text = (
            f"torch {version} can be made to corrupt memory by a hostile .pt file (CVE-2026-24747): install torch "
            f"{SAFE_READER}, or read .pt files only of those whom you trust; .safetensors is not concerned"
        )
        yield Finding("weights", text, "note", {"version": version, "range": SAFE_READER})


def gpu_of_driver() -> str:
    """The first GPU that the driver names; "" for none, and where it is kept from programs on purpose."""
    if not shutil.which("nvidia-smi") or machine.hides_gpus():
        return ""
    return machine.answer_of("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").strip().partition("\n")[0]


def compiler() -> Finding:
    """What torch.compile needs on a CPU: a C++ compiler and Python's headers."""
    name = os.environ.get("CXX") or ("clang++" if platform.system() == "Darwin" else "g++")
    found = shutil.which(name)
    header = Path(sysconfig.get_path("include"), "Python.h")
    missing = [what for what, there in ((name, found), (str(header), header.is_file())) if not there]
    facts = {"compiler": found, "headers": header.is_file()}
    if missing:
        advice = "install a C++ compiler and Python's headers (on Debian g++ and python3-dev) to use torch.compile"
        return Finding("compiler", f"missing: {' and '.join(missing)}; {advice}", "note", facts)
    return Finding("compiler", f"{found} and Python's headers are there, as torch.compile needs", facts=facts)


def extras(needs: Declared) -> Iterator[Finding]:
    """One finding on each package of an extra but the developers'."""
    for extra, lines in needs.extras.items():
        for name, wanted in map(split, lines if extra != DEVELOPERS else ()):
            version, install = installed(name), install_command(extra)
            facts = {"version": version, "range": wanted, "extra": extra}
            if not version:
                yield Finding(name, f"not installed: {install}", "note", facts)
            elif fits(version, wanted):
                yield Finding(name, f"{version} ({wanted or 'any'}, extra {extra})", facts=facts)
            else:
                yield Finding(name, f"{version} is outside {wanted}: {install}", "wrong", facts)


def installed(name: str) -> str:
    """The installed version of a package, "" if there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def split(requirement: str) -> tuple[str, str]:
    """The name and the range of a requirement: `torch>=2.6,<2.14` are `torch` and `>=2.6,<2.14`."""
    found = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*([^;]*)", requirement)
    if not found:
        raise ValueError(f"requirement {requirement!r} has no name")
    return found[1], found[2].strip().strip("()")


def fits(version: str, wanted: str) -> bool:
    """Whether a version lies in a range; true where packaging, which matplotlib brings, is not there to tell."""
    try:
        from packaging.specifiers import SpecifierSet
    except ModuleNotFoundError:
        return True
    return SpecifierSet(wanted).contains(version, prereleases=True)
