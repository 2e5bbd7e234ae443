from __future__ import annotations

import copy
import signal
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import launching
import pytest
import shared
import stopping
import torch
from tiny import RECIPE, tiny
from torch import Tensor, nn

from reidbench import distributed, registry
from reidbench.data.mars import read_layout
from reidbench.distributed import ENDED
from reidbench.launch import Place
from reidbench.spec import UserError
from reidbench.training.parallel import SharedBatchNorm, check_shares, synchronise_norms
from reidbench.training.trainer import train

State = dict[str, Tensor]
SINGLE_OVER_DOUBLE = 2.0**29
"""How much larger the unit roundoff of single precision (2^-24) is than that of double (2^-53)."""


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)


def unlike(two: State, one: State, name: str) -> float:
    """How far two trainings of a model ended from each other, as a share of how far one came."""
    start = shared.untrained(name)
    names = [name for name, _ in start.named_parameters()]
    ends = [torch.cat([state[name].double().flatten() for name in names]) for state in (two, one, start.state_dict())]
    moved = (ends[1] - ends[2]).norm()
    assert moved > 0
    return float((ends[0] - ends[1]).norm() / moved)


def test_two_processes_train_as_one(write_mars: Callable[..., Path], tmp_path: Path) -> None:
    root = write_mars("large", size=(64, 32))
    launching.together(Path(shared.__file__), root, tmp_path)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for name, weights in first.items():
        assert all(torch.equal(value, second[name][key]) for key, value in weights.items()), name

    assert first["gradients"].keys() == registry.models().keys()
    for name, gradient in first["gradients"].items():
        whole = shared.gradients(root, name)
        alike = bool((gradient - whole).norm() < 1e-10 * whole.norm())
        assert alike != (name in shared.NOT_A_MEAN), name

    # In double precision the sums over two parts and over the whole agree in all that the network and Adam, which
    # divides small gradients by their size, leave of 53 bits.
    rounding = {}
    for name in shared.MODELS:
        one, two = shared.trained_in_double(root, name), first[f"{name} in double"]
        rounding[name] = unlike(two, one, name)
        assert rounding[name] < 1e-8
        assert all(torch.allclose(two[key], one[key], rtol=1e-8, atol=1e-12) for key in one if "running" in key)

    # In single precision they are further apart by as much as its roundoff is larger; a wrong gather is told apart.
    one = shared.trained(root, "baseline")
    assert torch.allclose(first["baseline"]["losses"], one["losses"], rtol=1e-4)
    assert unlike(first["baseline"], one, "baseline") < 4 * rounding["baseline"] * SINGLE_OVER_DOUBLE < 0.2
    assert unlike(first["without gradients"], one, "baseline") > 0.6
    assert unlike(first["own statistics"], one, "baseline") > 0.6


def test_one_process_that_stops_stops_all_and_they_go_on_together(mars_tree: Path, tmp_path: Path) -> None:
    script = Path(stopping.__file__)
    runs = {how: launching.start(script, mars_tree, tmp_path, how) for how in stopping.SIGNALS}
    with launching.none_left(process for run in runs.values() for process in run):
        ends = {how: launching.finish(run) for how, run in runs.items()}
    assert [code for code, _ in ends["killed"]] == [2, -signal.SIGKILL] and ENDED[:20] in ends["killed"][0][1]
    # An interrupt is agreed on, so that either process may be the one to tell of it, after the first has saved.
    assert sorted(ends["interrupted"]) == [(2, "KeyboardInterrupt: \n"), (130, "")]

    launching.together(script, mars_tree, tmp_path, "on")
    for rank in range(2):
        wanted = torch.load(tmp_path / "undisturbed" / f"end{rank}")
        assert wanted.pop("resumed_at") == 0
        for how, resumed_at in (("killed", 5), ("interrupted", 6)):
            found = torch.load(tmp_path / how / f"end{rank}")
            assert found.pop("resumed_at") == resumed_at
            assert all(torch.equal(found[name], value) for name, value in wanted.items())

    dataset, device, workdir = read_layout(mars_tree, name="tiny"), torch.device("cpu"), tmp_path / "killed"
    with pytest.raises(UserError, match=r"another training \(processes without --sync-bn 2, now 1\)"):
        train(tiny(), dataset, RECIPE, seed=3, device=device, run="a", workdir=workdir)


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 3), (3, 5, 4, 2)])
def test_a_shared_batch_norm_of_one_process_is_torchs(shape: tuple[int, ...], momentum: float | None) -> None:
    generator = torch.Generator().manual_seed(0)
    norm = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(shape)](5, momentum=momentum).double()
    nn.init.uniform_(norm.weight)
    shared_norm = SharedBatchNorm(copy.deepcopy(norm))
    with shared.double_precision():
        for training in (True, True, False):
            x = torch.randn(shape, generator=generator, dtype=torch.float64)
            upstream = torch.randn(shape, generator=generator, dtype=torch.float64)
            results = []
            for module in (norm, shared_norm):
                given = x.clone().requires_grad_()
                module.zero_grad()
                out = module.train(training)(given)
                (out * upstream).sum().backward()
                results.append((out, given.grad, module.weight.grad, module.bias.grad, *module.buffers()))
            for a, b in zip(*results, strict=True):
                torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    assert norm.state_dict().keys() == shared_norm.state_dict().keys()


def test_norms_are_shared_under_their_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    model = shared.untrained("bicnet_tks")
    before = {name: value.data_ptr() for name, value in model.state_dict().items()}
    synchronise_norms(model, torch.device("cpu"))
    assert not any(isinstance(module, SharedBatchNorm) for module in model.modules())
    in_place(monkeypatch, world=2)
    synchronise_norms(model, torch.device("cpu"))
    assert {name: value.data_ptr() for name, value in model.state_dict().items()} == before
    assert any(isinstance(module, SharedBatchNorm) for module in model.modules())
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())


@pytest.mark.parametrize(
    ("world", "sync_bn", "message"),
    [
        (5, True, "a batch of 12 clips cannot be shared evenly by 5 processes; start 2 or 3 or 4 or 6$"),
        (12, False, "leaves one clip to each of 12 processes, too few for batch norm; start fewer, or give --sync-bn"),
        (12, True, ""),
        (6, False, ""),
        (1, False, ""),
    ],
)
def test_a_batch_is_shared_in_equal_parts(
    monkeypatch: pytest.MonkeyPatch, world: int, sync_bn: bool, message: str
) -> None:
    in_place(monkeypatch, world=world)
    recipe = replace(shared.SHARED, clips_per_identity=4)
    with pytest.raises(UserError, match=message) if message else nullcontext():
        check_shares(recipe, sync_bn)


def in_place(monkeypatch: pytest.MonkeyPatch, *, world: int, rank: int = 0) -> None:
    monkeypatch.setattr(distributed, "_joined", distributed._Joined(Place(rank, world, rank, world)))
