"""Git as the commands ask it that read revisions of a repository. Imports no torch."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

SHALLOW = "the clone is shallow: git fetch --unshallow brings the commits that it lacks"


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs git on the repository that a folder lies in, whichever a hook of git's is at work on; it speaks English.

    Raises FileNotFoundError where git is not installed.
    """
    environment = {**without_repository(), "LC_ALL": "C"}
    return subprocess.run(["git", "-C", folder, *arguments], env=environment, capture_output=True, check=False)


def without_repository() -> dict[str, str]:
    """This process's environment without what names a repository, its index or its objects there, as hooks have it.

    With them git would read and write those, whatever folder it is run in. Raises FileNotFoundError without git.
    """
    return {name: value for name, value in os.environ.items() if name not in _of_a_repository()}


@cache
def _of_a_repository() -> frozenset[str]:
    command = ["git", "rev-parse", "--local-env-vars"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    # Settings name no repository, and may be what lets git read one of another user.
    return frozenset(names) - {"GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"}


def printed(answer: subprocess.CompletedProcess[bytes]) -> str:
    """What git printed, without the last line's end; a path may hold bytes that are no text."""
    return os.fsdecode(answer.stdout).removesuffix("\n")


def why(answer: subprocess.CompletedProcess[bytes]) -> str:
    """Why git failed, in one line, with its remedy where it refuses a repository as another user's; "" if unsaid."""
    lines = answer.stderr.decode(errors="replace").strip().splitlines()
    remedy = next((line.strip() for line in lines if "--add safe.directory" in line), "")
    return "; if you trust it: ".join(filter(None, (*lines[:1], remedy)))


def is_shallow(folder: Path) -> bool:
    """Whether the repository was cloned without its older commits."""
    return printed(git(folder, "rev-parse", "--is-shallow-repository")) == "true"
