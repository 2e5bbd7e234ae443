"""A folder as readers see it: one order everywhere, and a note of all that was looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench.data import tree as module
from reidbench.data.tree import Tree, in_order, numbers_apart, state
from reidbench.spec import UserError

names = st.lists(st.text("ab_019", min_size=1, max_size=6), unique=True)


@given(names)
def test_the_order_follows_from_the_names_alone(listed: list[str]) -> None:
    assert in_order(listed) == in_order(listed[::-1])
    assert sorted(in_order(listed)) == sorted(listed)


@given(st.text(max_size=12))
def test_a_name_is_texts_and_numbers_in_turn(name: str) -> None:
    parts = numbers_apart(name)
    assert all(isinstance(part, int if place % 2 else str) for place, part in enumerate(parts))


def test_numbers_count_as_numbers() -> None:
    assert in_order(["F10", "F9", "F010", "a", "F1b"]) == ["F1b", "F9", "F010", "F10", "a"]


@given(st.lists(st.from_regex(r"F[0-9]{1,3}_0[0-9]{1,2}a", fullmatch=True), unique=True))
def test_names_with_their_digits_at_the_same_places_come_as_others_do(listed: list[str]) -> None:
    for some in (listed, [name for name in listed if len(name) == 8 and name[4] == "_"]):
        assert in_order(some) == sorted(some, key=lambda name: (numbers_apart(name), name))


def test_folders_and_frames_leave_out_what_is_neither(tmp_path: Path) -> None:
    for name in ("10", "9", ".hidden"):
        (tmp_path / "part" / name).mkdir(parents=True)
    for name in ("2.jpg", "10.PNG", "1.jpeg", "._1.jpg", "Thumbs.db", "3.txt"):
        (tmp_path / "part" / name).write_bytes(b"x")
    tree = Tree(tmp_path)
    assert tree.folders("part") == ["9", "10"]
    assert tree.frames("part") == ["1.jpeg", "2.jpg", "10.PNG"]
    assert "Thumbs.db" in tree.names("part") and tree.names("nowhere") == set() and tree.frames("part/2.jpg") == []
    assert set(tree.seen) == {"part", "nowhere", "part/2.jpg"} and tree.seen["nowhere"] is None


def test_a_state_changes_with_what_lies_there(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    folder.mkdir()
    file.write_bytes(b"1")
    before = state(file), state(folder)
    os.utime(file, ns=(0, 0))
    os.utime(folder, ns=(0, 0))
    assert state(file) != before[0] and state(folder) != before[1]
    quiet = state(folder)
    (folder / "new").touch()
    assert state(folder) != quiet
    file.unlink()
    assert state(file) is None


def test_a_folder_that_must_be_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Tree(tmp_path).check_folders("a")
    with pytest.raises(UserError, match="b: no such folder; the root must hold a, b"):
        Tree(tmp_path).check_folders("a", "b")


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module.os, "scandir", refuse)
    with pytest.raises(UserError, match=r"part: cannot be listed \(Permission denied\); make it readable"):
        Tree(tmp_path).frames("part")


def test_a_folder_in_the_root_that_holds_what_is_missing_is_named(tmp_path: Path) -> None:
    for name in ("DATA/a", "DATA/b", "half/a"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        Tree(tmp_path).check_folders("a", "b")
    assert str(caught.value) == (
        f"{tmp_path / 'a'}: no such folder; the root must hold a, b; {tmp_path / 'DATA'} holds them, so give that as "
        "the root"
    )
    Tree(tmp_path / "DATA").check_folders("a", "b")
    with pytest.raises(UserError, match=r"the root must hold a, c$"):
        Tree(tmp_path).check_folders("a", "c")
    with pytest.raises(UserError, match=r"the root must hold a$"):
        Tree(tmp_path / "nowhere").check_folders("a")
