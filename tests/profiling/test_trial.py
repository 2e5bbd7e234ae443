"""One pass that says, in a line that names the model, how a model breaks the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from reidbench import registry
from reidbench.profiling.trial import try_model
from reidbench.spec import Loss, Output, UserError

SHAPE = (2, 4, 3, 8, 8)


class Mine(nn.Module):
    """A network of one's own whose forward returns what it is told to."""

    def __init__(self, returns: Callable[[Tensor], Any], neck: nn.Module | None) -> None:
        super().__init__()
        self.returns = returns
        self.norm = nn.BatchNorm2d(3)
        if neck is not None:
            self.neck = neck

    def forward(self, clips: Tensor) -> Any:
        self.norm(clips.flatten(0, 1))
        return self.returns(clips.mean((1, 3, 4)) + torch.rand(1) * 0)


class Learning(nn.Module):
    """A network of one's own that keeps the contract."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.neck = nn.Linear(3, 3), nn.BatchNorm1d(3)

    def forward(self, clips: Tensor) -> Any:
        feature = self.layer(clips.mean((1, 3, 4)) + torch.rand(1) * 0)
        return trained(feature) if self.training else Output(self.neck(feature))


def trained(feature: Tensor, **losses: Any) -> Output:
    return Output(feature, (feature,), (feature,), **losses)


def fail(error: Exception) -> Callable[[Tensor], Any]:
    def forward(feature: Tensor) -> None:
        raise error

    return forward


@pytest.mark.parametrize(
    ("returns", "neck", "message"),
    [
        (lambda f: None, nn.Identity(), "its forward returns NoneType; let it return a reidbench.spec.Output"),
        (lambda f: f, nn.Identity(), "its forward returns Tensor; let it return a reidbench.spec.Output"),
        (lambda f: Output(None), nn.Identity(), "its feature for 2 clips is NoneType; let it be [clips, D]"),  # type: ignore[arg-type]
        (lambda f: Output(f[0]), nn.Identity(), "its feature for 2 clips is [3]; let it be [clips, D]"),
        (lambda f: Output(f[:1]), nn.Identity(), "its feature for 2 clips is [1, 3]; let it be [clips, D]"),
        (lambda f: Output(f[..., None]), nn.Identity(), "its feature for 2 clips is [2, 3, 1]; let it be [clips, D]"),
        (lambda f: Output(f / 0 * 0), nn.Identity(), "its feature holds NaN or infinite numbers; let it be finite"),
        (lambda f: Output(f / torch.arange(3)), nn.Identity(), "its feature holds NaN or infinite numbers"),
        (Output, None, "has no `neck`, the nn.Module that a feature [clips, D] goes through"),
        (Output, nn.Linear(4, 4), "its neck: RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        (fail(ValueError("a multiple of\n3")), nn.Identity(), "model mine: a multiple of 3"),
        (fail(KeyError("a")), nn.Identity(), "model mine: KeyError: 'a'"),
        (Output, nn.Identity(), "gives no logits in training; let its Output hold a tuple, an entry a head"),
        (lambda f: Output(f, f), nn.Identity(), "its logits in training are a Tensor; let them be a tuple"),  # type: ignore[arg-type]
        (lambda f: Output(f, (f,)), nn.Identity(), "gives no embeddings in training"),
        (
            lambda f: Output(f, (f[:, :2],), (f,)),
            nn.Identity(),
            "logits in training are [2, 2]; let them be [2, 3], for",
        ),
        (lambda f: Output(f, (f,), (f[0],)), nn.Identity(), "embeddings in training are [3]; let them be [2, D]"),
        (lambda f: Output(f, (f[:1],), (f,)), nn.Identity(), "logits in training are [1, 3]; let them be [2, 3]"),
        (
            lambda f: Output(f, (f, 1), (f,)),
            nn.Identity(),
            "its logits in training are a tuple; let them be a tuple, a",
        ),  # type: ignore[arg-type]
        (lambda f: trained(f, losses=[f]), nn.Identity(), "its losses are a list; let them be a dict by name"),
        (lambda f: trained(f, losses={"x": f.sum()}), nn.Identity(), "loss 'x' is no Loss(weight, value)"),
        (lambda f: trained(f, losses={"x": Loss(1.0, f)}), nn.Identity(), "whose value is a tensor of one number"),
        (lambda f: trained(f, losses={"x": Loss(1.0, 2.0)}), nn.Identity(), "whose value is a tensor of one number"),  # type: ignore[arg-type]
        (trained, nn.Identity(), "none of its parameters can be trained (requires_grad)"),
        (lambda f: Output(f + torch.rand(3)), nn.Identity(), "gives the same clips another feature each time"),
        (lambda f: Output(f + torch.rand(3) * torch.eye(2, 3)), nn.Identity(), "gives the same clips another feature"),
        (lambda f: Output(f - f.mean(0)), nn.Identity(), "a clip's feature depends on the others of its batch"),
    ],
)
def test_what_breaks_the_contract_is_told_in_one_line(returns: Any, neck: nn.Module | None, message: str) -> None:
    with pytest.raises(UserError) as caught:
        try_model("mine", Mine(returns, neck).requires_grad_(False), SHAPE, classes=3)
    assert message in str(caught.value) and str(caught.value).startswith("model mine: ")


def test_clips_are_not_to_be_changed() -> None:
    class Changing(Mine):
        def forward(self, clips: Tensor) -> Any:
            return super().forward(clips.mul_(2))

    with pytest.raises(UserError, match="model mine: changes the clips that it is given"):
        try_model("mine", Changing(Output, nn.Identity()), SHAPE)


def test_a_want_of_memory_is_no_fault_of_the_model() -> None:
    with pytest.raises(MemoryError):
        try_model("mine", Mine(fail(MemoryError()), nn.Identity()), SHAPE)


class Wrong(Learning):
    """Changes in place what its gradients need."""

    def forward(self, clips: Tensor) -> Any:
        weights = self.layer(clips.mean((1, 3, 4))).exp()
        product = weights * 2
        weights += 1
        return trained(product)


class Squeezing(Learning):
    """Loses the axis of the clips where there is one of them."""

    def forward(self, clips: Tensor) -> Any:
        return Output(self.layer(clips.mean((3, 4))).squeeze().mean(-2))


def test_a_fault_on_the_way_back_names_the_model() -> None:
    with pytest.raises(UserError, match=r"model mine: its backward pass: RuntimeError: .*inplace operation") as caught:
        try_model("mine", Wrong(), SHAPE, classes=3)
    assert "\n" not in str(caught.value)
    try_model("mine", Wrong(), SHAPE)
    with pytest.raises(UserError, match="depend on none of its parameters"):
        try_model("mine", Mine(trained, nn.Identity()), SHAPE, classes=3)


def test_the_feature_of_one_clip_has_the_axis_of_the_clips() -> None:
    with pytest.raises(UserError, match=r"model mine: its feature for 1 clip is \[3\]; let it be \[clips, D\]"):
        try_model("mine", Squeezing(), SHAPE)


def test_nothing_of_the_model_or_of_chance_changes() -> None:
    model = Learning().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    try_model("mine", model, SHAPE, classes=3)
    assert torch.equal(torch.rand(3), wanted) and model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_registered_model_keeps_it() -> None:
    model = registry.build("bicnet_tks", classes=3, width=4, blocks=(1, 1, 1, 1), size=(64, 32))
    try_model("bicnet_tks", model, (2, 8, 3, 64, 32), classes=3)
    with pytest.raises(
        UserError, match="model bicnet_tks: a clip of 6 frames: with alpha=3 it must be a multiple of 4"
    ):
        try_model("bicnet_tks", model, (2, 6, 3, 64, 32))
