from __future__ import annotations

from itertools import chain

import pytest

from reidbench.launch import ALONE, Place, launched, refuse_several
from reidbench.spec import UserError


def test_without_torchrun_a_process_is_alone() -> None:
    assert launched({}) == ALONE == Place(0, 1, 0, 1) and ALONE.leads


@pytest.mark.parametrize(
    "environment", [{"WORLD_SIZE": "1"}, {"WORLD_SIZE": "4"}, {"RANK": "2"}, {"WORLD_SIZE": "1", "RANK": ""}]
)
def test_what_a_cluster_sets_of_its_own_makes_no_run_of_several(environment: dict[str, str]) -> None:
    assert launched(environment) == ALONE


def test_torchruns_environment() -> None:
    environment = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    assert launched(environment) == Place(5, 8, 1, 4)
    assert not launched(environment).leads
    assert launched({"RANK": "1", "WORLD_SIZE": "2"}) == Place(1, 2, 1, 2)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "2", "RANK": ""}, "RANK is ''"),
        ({"WORLD_SIZE": "two", "RANK": "0"}, "WORLD_SIZE is 'two'"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "no place among the processes"),
        ({"WORLD_SIZE": "0", "RANK": "0"}, "no place among the processes"),
        ({"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "3"}, "no place among the processes"),
    ],
)
def test_an_environment_that_makes_no_sense(environment: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        launched(environment)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("world", [1, 2, 4])
def test_shares_make_the_whole(world: int) -> None:
    parts = [list(range(12))[Place(rank, world).share(12)] for rank in range(world)]
    assert list(chain(*parts)) == list(range(12)) and {len(part) for part in parts} == {12 // world}


def test_a_command_for_one_process_is_refused_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    refuse_several("table2")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="table2: runs in one process, and torchrun started 2; start it with python"):
        refuse_several("table2")
