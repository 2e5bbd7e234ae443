"""Models as cells describe them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from reidbench.deployment import runtimes
from reidbench.profiling import latency, session
from reidbench.spec import Cell, UserError

SMALL: dict[str, Any] = {"size": [32, 16], "depth": 18, "width": 8, "shrink": [1, 2]}


def test_models_are_built_alike_every_time() -> None:
    first, second = (session.build("baseline", SMALL) for _ in range(2))
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))
    assert not first.training


def test_an_impossible_option_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^model baseline: shrink=\(7,\)"):
        session.build("baseline", {**SMALL, "shrink": [7]})


def test_what_is_no_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reidbench.registry.build", lambda name, **options: None)
    with pytest.raises(UserError, match=r"^model mine: its function must return an nn\.Module, not NoneType"):
        session.build("mine", {})


def test_whatever_one_row_fails_of_costs_no_other() -> None:
    wrong: dict[str, Exception] = {
        "B": UserError("no such thing"),
        "C": torch.OutOfMemoryError("CUDA out of memory"),
        "D": RuntimeError("capture failed\nand more"),
    }

    def make(row: str) -> str:
        if row in wrong:
            raise wrong[row]
        return row

    made, failures = session.make_each({row: partial(make, row) for row in "ABCD"}, "cuda")
    assert made == {"A": "A"}
    assert (failures["B"], failures["D"]) == (wrong["B"], wrong["D"])
    assert isinstance(failures["C"], MemoryError) and str(failures["C"]) == "one clip does not fit on cuda"


def test_without_its_reference_row_a_session_fails_of_that() -> None:
    given = RuntimeError("backend='inductor' raised:\n  CppCompileError")
    found = session.lacks_reference(given)
    assert (type(found), found.__cause__) == (RuntimeError, given)
    assert str(found) == "the reference row: backend='inductor' raised: CppCompileError"
    assert isinstance(session.lacks_reference(UserError("no")), UserError)


def test_a_reference_row_that_cannot_be_built_is_named_as_one() -> None:
    wanted = {"model": "baseline", "options": {**SMALL, "shrink": [7]}, "shape": [1, 2, 3, 32, 16]}
    settings = {"device": "cpu", "precision": "fp32", "reference": wanted, "shape": wanted["shape"]}
    cells = [Cell("Base", "latency", "baseline", wanted["options"], settings, "source")]
    found, failures = session.subjects(cells)
    assert found == {} and list(failures) == [cells[0].key]
    with pytest.raises(UserError, match=r"^the reference row: model baseline: shrink=\(7,\)"):
        session.add_reference(found, cells)


def test_a_backend_is_started_for_the_clips_that_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, ...]] = []
    monkeypatch.setattr(latency, "clips_of", lambda shape, seed: drawn.append(shape) or torch.zeros(shape))
    started: list[Tensor] = []
    sent: list[Tensor] = []
    monkeypatch.setitem(runtimes.IN_TORCH, "compile", lambda network, clips: started.append(clips) or sent.append)
    settings = {"device": "cpu", "precision": "bf16", "backend": "compile"}
    session.Subject.of("baseline", SMALL, settings).start((4, 2, 3, 32, 16))()
    assert drawn == [(1, 2, 3, 32, 16)]
    assert started[0] is sent[0] and started[0].shape == (4, 2, 3, 32, 16) and started[0].dtype == torch.bfloat16


def test_threads_come_back_after_a_failure() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), session.threads_of(before + 1) as taken:
        assert taken == before + 1
        raise ZeroDivisionError
    assert torch.get_num_threads() == before
