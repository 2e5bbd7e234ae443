"""Trains small models as the processes of a run do, and keeps the weights of each: `shared.py ROOT OUT`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from tiny import RECIPE
from torch import Tensor, nn

from reidbench import distributed, registry
from reidbench.data import clips
from reidbench.data.mars import read_layout
from reidbench.spec import Output
from reidbench.training import gradients as gradients_module
from reidbench.training import parallel, trainer

SHARED = replace(RECIPE, size=(64, 32), frames=8, identities=3, clips_per_identity=2, steps=3, lr=1e-4)
SLIM = {"size": (64, 32), "width": 4, "blocks": (1, 1, 1, 1), "inception_width": 4, "side": 75}
SLIM |= {"vit_depth": 2, "vit_width": 64}
MODELS = ("baseline", "bicnet_tks")
"""Those that are trained: with a metric loss alone, and with a loss of the model's own."""

NOT_A_MEAN = ("stmn",)
"""Models with a loss of their own that is no mean over clips: STMN's takes the extremes of a batch."""


@contextmanager
def double_precision() -> Iterator[None]:
    """Lets the project's casts to single precision be casts to double, so that rounding all but vanishes."""
    single = torch.Tensor.float, clips.FLOAT
    torch.Tensor.float, clips.FLOAT = torch.Tensor.double, torch.float64  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.Tensor.float, clips.FLOAT = single  # type: ignore[method-assign]


def untrained(name: str) -> nn.Module:
    """A registered model on a slim trunk of its kind, for clips of 64x32."""
    torch.manual_seed(0)
    known = registry.models()[name].options
    return registry.build(name, classes=3, **{option: value for option, value in SLIM.items() if option in known})


def trained(root: Path, name: str, *, sync_bn: bool = True) -> dict[str, Tensor]:
    """The trained weights by name, and the "losses" of all steps."""
    model = untrained(name).to(torch.zeros(()).float().dtype)
    dataset = read_layout(root, name="large")
    result = trainer.train(model, dataset, SHARED, seed=1, device=torch.device("cpu"), sync_bn=sync_bn)
    return {**model.state_dict(), "losses": torch.tensor([loss for _, loss in result.losses])}


def trained_in_double(root: Path, name: str) -> dict[str, Tensor]:
    with double_precision():
        return trained(root, name)


def gradients(root: Path, name: str) -> Tensor:
    """All gradients of the first step in double precision, side by side; of a model that draws no noise."""
    with double_precision():
        model = untrained(name).double()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        dataset, device = read_layout(root, name="large"), torch.device("cpu")
        state, feed = trainer.start(model, dataset, SHARED, seed=1, device=device, sync_bn=True)
        trainer.take_step(state, feed, 0, feed.batch(0))
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def without_gradients(output: Output) -> Output:
    """A wrong gather: of embeddings that are constants."""
    whole = parallel.of_all(output)
    return replace(whole, embeddings=tuple(embeddings.detach() for embeddings in whole.embeddings))


if __name__ == "__main__":
    root, out = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    with distributed.joined("cpu") as place:
        found: dict[str, dict[str, Tensor]] = {f"{name} in double": trained_in_double(root, name) for name in MODELS}
        found["gradients"] = {name: gradients(root, name) for name in sorted(registry.models())}
        found["baseline"] = trained(root, "baseline")
        found["own statistics"] = trained(root, "baseline", sync_bn=False)
        gradients_module.of_all = without_gradients
        found["without gradients"] = trained(root, "baseline")
        torch.save(found, out / f"{place.rank}.pt")
