"""A training's state between two steps: saved as a checkpoint, and taken up again, by all processes alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reidbench import distributed
from reidbench.spec import UserError
from reidbench.training.archive import read_archive, write_archive
from reidbench.training.gradients import Gradients
from reidbench.training.settings import what_differs

CHECKPOINT = "training.pt"


@dataclass
class State:
    """All that a checkpoint holds, and what computes its `gradients`.

    `losses` float32 [total] is filled for the first `step` steps. `settings` say what the `run` is of, as plain
    values, to tell in what another one differs.
    """

    run: str
    settings: Mapping[str, Any]
    model: nn.Module
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    gradients: Gradients
    losses: Tensor
    step: int = 0
    seconds: float = 0.0

    def save(self, file: Path) -> None:
        parts = {name: getattr(self, name).state_dict() for name in ("model", "optimiser", "scaler")}
        known = {"run": self.run, "settings": dict(self.settings)}
        content = {**known, "step": self.step, "seconds": self.seconds, "losses": self.losses}
        write_archive(file, content | parts)

    def load(self, content: Any, file: Path) -> None:
        if not isinstance(content, dict) or content.get("run") != self.run:
            raise self._anothers(content if isinstance(content, dict) else {}, file)
        try:
            for name in ("model", "optimiser", "scaler"):
                getattr(self, name).load_state_dict(content[name])
            self.losses.copy_(content["losses"])
            self.step, self.seconds = content["step"], content["seconds"]
        except (KeyError, ValueError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(
                f"{file}: does not fit the training it is named for ({reason}); remove it or use another folder"
            ) from error

    def _anothers(self, content: Mapping[str, Any], file: Path) -> UserError:
        """What to say of another training's checkpoint. Those of older versions do not hold their settings."""
        found, settings = content.get("run"), content.get("settings")
        differing = what_differs(settings, self.settings) if isinstance(settings, dict) else ""
        told = differing or f"{found!r:.60}, not {self.run!r:.60}: other options, data or code"
        return UserError(
            f"{file}: belongs to another training ({told}); give what it was begun with to go on with it, or use "
            "another folder"
        )


def resume(state: State, workdir: Path | None) -> None:
    """Takes up in all processes the checkpoint that the first finds. Raises UserError if it is another's."""
    file = workdir / CHECKPOINT if workdir else None
    here = file is not None and file.exists() and distributed.current().leads
    content = distributed.from_first(read_archive(file) if file and here else None)
    if file and content is not None:
        state.load(content, file)
    distributed.check_same(state.model.state_dict(), "before the first step")
