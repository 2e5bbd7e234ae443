"""A dataset's function: what it does wrong is its own fault if it is a plugin's."""

from __future__ import annotations

from pathlib import Path

import pytest

from reidbench import registry
from reidbench.data.opening import WrongFunctionError, open_dataset
from reidbench.spec import UserError

MINE = '''from reidbench.registry import dataset
from reidbench.spec import UserError


@dataset
def mine(root: str = ""):
    """One's own."""
    if root:
        raise UserError(f"{root}: no such folder")
    return {}["x"]
'''


@pytest.fixture
def mine(tmp_path: Path) -> registry.Entry:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    registry.add_plugin(path)
    return registry.datasets()["mine"]


def test_a_function_that_fails_is_told_from_a_folder_that_is_wrong(mine: registry.Entry) -> None:
    with pytest.raises(WrongFunctionError, match=r"mine\.py: dataset mine: KeyError: 'x'"):
        open_dataset(mine, {})
    with pytest.raises(UserError, match="nowhere: no such folder") as caught:
        open_dataset(mine, {"root": "nowhere"})
    assert not isinstance(caught.value, WrongFunctionError)


def test_a_mistake_of_our_own_is_not_told_as_the_users(
    mine: registry.Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "plugins", tuple)
    with pytest.raises(KeyError):
        open_dataset(mine, {})
