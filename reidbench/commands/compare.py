"""The command that compares two results folders, or two revisions of this repository measured in turns. No torch."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reidbench import machine
from reidbench.commands.asked import find_store, plans_of
from reidbench.commands.gate import asked_of, compare_stores, tell
from reidbench.commands.git import SHALLOW, git, is_shallow, printed, why, without_repository
from reidbench.data.cache import cache_folder
from reidbench.planning.plan import NAMED_TRUNKS
from reidbench.program import program
from reidbench.spec import UserError
from reidbench.store import Store

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Revision:
    """One commit of this repository, and where on this machine its records and its caches lie.

    The caches are its own: weights that one revision trained must never be taken for the other's.
    """

    name: str
    commit: str

    @property
    def folder(self) -> Path:
        return cache_folder() / "revisions" / self.commit

    @property
    def store(self) -> Store:
        return Store(self.folder / "results", machine.name())


def compare(arguments: Namespace) -> int:
    """Compares B with A, the baseline: folders as they are recorded, revisions after measuring both in turns."""
    suites, limits = asked_of(arguments)
    places = [arguments.a, arguments.b]
    revisions: list[Revision] = []
    calibrated = None
    if all(Path(place).is_dir() for place in places):
        there, here = (find_store(place, name, arguments.machine) for place, name in zip(places, "AB", strict=True))
        if there.folder.resolve() == here.folder.resolve():
            raise UserError(f"{places[0]} and {places[1]}: the same records on both sides; there is nothing to compare")
    else:
        _check_own(places, arguments.plugin)
        revisions = [find_revision(place) for place in places]
        if revisions[0].commit == revisions[1].commit:
            raise UserError(f"{places[0]} and {places[1]} are the same commit: there is nothing to compare")
        measure_in_turns(revisions[0], revisions[1], arguments)
        there, here = (revision.store for revision in revisions)
        calibrated = Path(arguments.results) / machine.name()
    plans = plans_of(suites, arguments, here)
    found = compare_stores(arguments.suite, plans, here, there, limits, calibrated=calibrated, exactly=False)
    if revisions:
        names = [f"{revision.name} ({revision.commit[:9]})" for revision in revisions]
        found = replace(found, there=names[0], here=names[1])
    return tell(found, here.folder, arguments)


def find_revision(name: str) -> Revision:
    """The commit of this repository that a name stands for. Raises UserError where it is neither that nor a folder."""
    if not (ROOT / ".git").exists():
        raise UserError(f"{name}: no such folder, and {ROOT} is no git repository to look for a revision in")
    answer = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if answer.returncode > 1 and (said := why(answer)):  # with 1 it says that there is no such commit
        raise UserError(f"{name}: git cannot look for it: {said}")
    if answer.returncode:
        hint = f"; {SHALLOW}" if is_shallow(ROOT) else ""
        raise UserError(f"{name}: neither a folder nor a revision of this repository{hint}")
    return Revision(name, printed(answer))


def _check_own(places: Sequence[str], plugins: Sequence[str]) -> None:
    """Raises UserError for revisions where all plugins lie in other repositories, whose revisions will be meant."""
    own = _repository(ROOT)
    others = {path: _repository(Path(path).resolve().parent) for path in plugins}
    if others and all(other not in ("", own) for other in others.values()):
        first = next(iter(others))
        raise UserError(
            f"{' and '.join(places)}: are looked for in reidbench's own checkout {ROOT}, but --plugin {first} lies in "
            "another repository; to compare revisions of that one use check (docs/gate.md)"
        )


def _repository(folder: Path) -> str:
    """The git folder that all work trees of a repository share; "" where a folder lies in none."""
    answer = _git("-C", str(folder), "rev-parse", "--path-format=absolute", "--git-common-dir")
    return printed(answer)


def measure_in_turns(a: Revision, b: Revision, arguments: Namespace) -> None:
    """Measures the suite with the code of both revisions, A B B A and on until each had its sessions.

    A drift of the machine then weighs on both alike. Accuracies are trained in the first turn of each, costs measured
    again in every turn. Raises UserError where a revision's own command fails.
    """
    with checked_out(a) as code_a, checked_out(b) as code_b:
        plugins = _plugins(arguments.plugin, {a.name: code_a, b.name: code_b})
        for turn in range(arguments.sessions):
            pair = [(a, code_a), (b, code_b)]
            for revision, code in pair if turn % 2 == 0 else reversed(pair):
                if turn == 0 or arguments.only != "accuracy":
                    _measure(revision, code, plugins[revision.name], arguments, first=turn == 0)


def _plugins(paths: Sequence[str], trees: Mapping[str, Path]) -> dict[str, list[Path]]:
    """By revision the files that `--plugin` names: each in that revision's work tree, if it is of this repository.

    One that no revision holds is one file for both, and it is said that a change of it cannot be seen.
    Raises UserError for one that a revision lacks.
    """
    found: dict[str, list[Path]] = {name: [] for name in trees}
    root = ROOT.resolve()
    for path in paths:
        file = Path(path).resolve()
        places = {name: tree / file.relative_to(root) for name, tree in trees.items() if file.is_relative_to(root)}
        held = {name: place for name, place in places.items() if place.is_file()}
        if held and len(held) < len(trees):
            (without,) = trees.keys() - held.keys()
            raise UserError(f"--plugin {path}: {without} does not hold it, so that nothing can be compared with it")
        if not held:
            about = "is in neither revision, so that both are measured with the file as it is now"
            print(f"{program()}: --plugin {path}: {about}; to see a change of it use check", file=sys.stderr)
        for name, own in found.items():
            own.append(held.get(name, file))
    return found


@contextlib.contextmanager
def checked_out(revision: Revision) -> Iterator[Path]:
    """A work tree of the revision, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="reidbench-"))
    try:
        added = _git("worktree", "add", "--detach", "--quiet", str(folder / "code"), revision.commit)
        if added.returncode:
            said = added.stderr.decode(errors="replace").strip().splitlines()[-1]
            raise UserError(f"{revision.name}: git cannot check it out: {said}")
        yield folder / "code"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _git("worktree", "prune")


def _measure(revision: Revision, code: Path, plugins: Sequence[Path], arguments: Namespace, *, first: bool) -> None:
    """One turn: the suite's own command, run by the revision's code."""
    options = ["--results", str(revision.folder / "results"), "--machine", machine.name()]
    for name in ("preset", "dataset", "protocol", "device"):
        options += [f"--{name}", getattr(arguments, name)] if getattr(arguments, name) else []
    options += ["--root", str(Path(arguments.root).resolve())] if arguments.root else []
    options += [part for path in plugins for part in ("--plugin", str(path))]
    options += [part for option in arguments.dataset_options for part in ("--data", option)]
    weights = arguments.weights
    if weights:
        options += ["--weights", weights if weights in NAMED_TRUNKS else str(Path(weights).resolve())]
    options += ["--subset"] if arguments.subset else []
    options += ["--rows", *arguments.rows] if arguments.rows else []
    options += ["--splits", arguments.splits] if arguments.splits else []
    options += ["--seeds", str(arguments.seeds)] if arguments.seeds is not None else []
    only = arguments.only or ("" if first else "cost")
    options += ["--only", only] if only else []
    options += [] if first and only != "cost" else ["--fresh"]
    command = [sys.executable, "bench.py", arguments.suite, *options]
    print(f"{revision.name}: {shlex.join(command[1:])}", file=sys.stderr)
    environment = {**without_repository(), "REIDBENCH_CACHE": str(revision.folder / "cache")}
    environment.pop("PYTHONPATH", None)
    answer = subprocess.run(command, cwd=code, env=environment, stdout=subprocess.DEVNULL, check=False)
    if answer.returncode:
        raise UserError(f"{revision.name}: its bench.py ended with exit code {answer.returncode}; see above")


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return git(ROOT, *arguments)
    except FileNotFoundError:
        raise UserError("git is not installed; give two results folders instead") from None
