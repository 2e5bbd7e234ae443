"""The mistaken models: the sound one is Base-B, and each fault does what its line says."""

from pathlib import Path

import pytest
import torch

from reidbench import registry
from reidbench.profiling.trial import try_model
from reidbench.regression import faults
from reidbench.regression.calibration import FAULTS
from reidbench.spec import UserError

SMALL = {"size": (32, 16), "width": 16, "blocks": (1, 1, 1, 1)}


@pytest.fixture(autouse=True)
def plugin():
    registry.add_plugin(faults.__file__)
    yield
    registry._plugins.remove(Path(faults.__file__).resolve())
    for find in (registry.models, registry.datasets, registry.suite_paths, registry.model_source):
        find.cache_clear()


def built(fault: str = "", name: str = "mistaken", classes: int = 5) -> torch.nn.Module:
    torch.manual_seed(0)
    return registry.build(name, classes=classes, **SMALL, **({"fault": fault} if name == "mistaken" else {}))


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.randn(4, 2, 3, 32, 16, generator=torch.Generator().manual_seed(1))


def test_without_a_fault_it_is_the_baseline(clips: torch.Tensor) -> None:
    ours, base = built(), built(name="baseline")
    assert sorted(ours.state_dict()) == sorted(base.state_dict())
    for model in (ours, base):
        model.train()
    a, b = ours(clips), base(clips)
    assert torch.equal(a.feature, b.feature) and torch.equal(a.logits[0], b.logits[0])


def test_wrong_pooling_sees_the_first_frame_alone(clips: torch.Tensor) -> None:
    sound, wrong = built().eval(), built("pooling").eval()
    assert torch.allclose(wrong(clips).feature, sound(clips[:, :1]).feature)
    assert not torch.allclose(wrong(clips).feature, sound(clips).feature)


@pytest.mark.parametrize("fault", ["", *FAULTS])
def test_a_trial_does_not_find_it(fault: str) -> None:
    """Or it could not be trained, and the gate would not be what finds it."""
    try_model("mistaken", built(fault), (2, 2, 3, 32, 16), classes=5)


def test_unshuffled_labels_answer_in_another_order(clips: torch.Tensor) -> None:
    sound, wrong = built().train(), built("labels").train()
    torch.manual_seed(1)
    a, b = sound(clips), wrong(clips)
    assert torch.equal(a.feature, b.feature) and not torch.equal(a.logits[0], b.logits[0])
    assert torch.allclose(a.logits[0].sum(0), b.logits[0].sum(0), atol=1e-6)


def test_the_dropped_neck_leaves_the_feature_as_it_is(clips: torch.Tensor) -> None:
    wrong = built("neck").train()
    found = wrong(clips)
    assert torch.equal(found.embeddings[0], found.feature)
    assert not any(name.startswith("neck") for name in wrong.state_dict())


def test_an_unknown_fault_is_named() -> None:
    with pytest.raises(UserError, match="fault 'nek' is unknown"):
        built("nek")
