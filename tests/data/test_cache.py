from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from reidbench.data.cache import TRIFLE, cache_folder, leaves_room
from reidbench.files import alone, write_text
from reidbench.spec import UserError


def test_the_named_folder_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "a" / "b"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_xdg_then_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REIDBENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "reidbench"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "~/mine")
    assert cache_folder() == tmp_path / "mine" / "reidbench"
    monkeypatch.chdir(tmp_path)
    for ignored in ("relative", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_folder() == tmp_path / ".cache" / "reidbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache" / "reidbench"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match=r"file/cache.*REIDBENCH_CACHE"):
        cache_folder()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="no permission"):
        cache_folder()


def test_what_cannot_be_written_or_locked_in_the_cache_names_the_variable(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    (cache_folder() / "logs").write_text("in the way, as a folder of another user would be")
    refused = r"(written|locked) \(.+\); set REIDBENCH_CACHE to another folder$"
    with pytest.raises(UserError, match=refused):
        write_text(cache_folder() / "logs" / "x.log", "")
    with pytest.raises(UserError, match=refused), alone(cache_folder() / "logs" / "x"):
        pass
    (tmp_path / "results").write_text("in the way")
    with pytest.raises(UserError, match=r"; choose another folder$"):
        write_text(tmp_path / "results" / "x.json", "")


@pytest.mark.parametrize(
    ("free", "size", "leaves"),
    [
        (21 * TRIFLE, TRIFLE + 1, True),
        (11 * TRIFLE, TRIFLE + 1, False),
        (TRIFLE, TRIFLE, True),
        (TRIFLE - 1, TRIFLE, False),
    ],
)
def test_only_what_is_large_must_leave_a_tenth_of_the_disk(
    free: int, size: int, leaves: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=100 * TRIFLE, free=free))
    assert leaves_room(tmp_path, size) == leaves
