"""The loss and gradients of a batch: operator by operator, or on a GPU as one CUDA graph, in one launch."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from reidbench import distributed
from reidbench.precision import PRECISIONS
from reidbench.recipes import Recipe
from reidbench.resources import is_out_of_memory
from reidbench.spec import Output, UserError
from reidbench.training.optimisation import objective
from reidbench.training.parallel import average_statistics, of_all, sum_gradients
from reidbench.training.stages import BACKWARD, FORWARD, LOSSES, Stage, unwatched


class Gradients:
    """Computes losses and gradients of one training's batches, forward, losses and backward.

    The first batch is computed operator by operator. Where it `captures`, the second is captured as a CUDA graph, which
    serves all later ones of that shape: their hundreds of operators need not be started one by one, which takes longer
    than computing them where networks or frames are small. Joined processes capture nothing, nor does a step that is
    watched stage by stage.

    A model is not captured whose class says `capturable = False`, or whose forward draws numbers of Python's, NumPy's
    or torch's CPU generator in the first step, which a graph would repeat; nor one whose capture is refused, as where
    it waits for the GPU. One line on stderr tells of the latter two. What a refused capture had computed may keep its
    memory.
    """

    def __init__(
        self, model: nn.Module, scaler: torch.amp.GradScaler, recipe: Recipe, classes: int, *, captures: bool
    ) -> None:
        self.model = model
        self.scaler = scaler
        self.recipe = recipe
        self.classes = classes
        alone = distributed.current().world == 1
        self.captures = captures and alone and bool(getattr(model, "capturable", True))
        self.begun = False
        self._graph: _StepGraph | None = None

    def __call__(self, clips: Tensor, labels: Tensor, stage: Stage = unwatched) -> Tensor:
        """Clips `[B, T, 3, H, W]` and labels `[W * B]` to the loss of the batch of all W processes.

        It leaves the gradients, times the scaler's factor, in the parameters.
        """
        if self.captures and self.begun and stage is unwatched:
            if self._graph is None:
                self._capture(clips, labels)
            if self._graph and self._graph.takes(clips, labels):
                return self._graph.replay(clips, labels)
        before = _noise() if self.captures and not self.begun else None
        loss = self._compute(clips, labels, stage)
        if before and before != _noise():
            self._give_up("its forward draws numbers on the CPU")
        self.begun = True
        return loss

    @property
    def captured(self) -> bool:
        """Whether there is a graph of its steps."""
        return self._graph is not None

    def _compute(self, clips: Tensor, labels: Tensor, stage: Stage = unwatched) -> Tensor:
        recipe = self.recipe
        with torch.autocast(clips.device.type, PRECISIONS[recipe.precision], enabled=recipe.precision != "fp32"):
            with stage(FORWARD):
                output = self.model(clips)
            if not self.begun:
                _check_output(output, self.classes)
            with stage(LOSSES):
                loss = objective(of_all(output), labels, recipe)
        with stage(BACKWARD):
            self.model.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            sum_gradients(self.model.parameters())
            average_statistics(self.model)
        return loss.detach()

    def _capture(self, clips: Tensor, labels: Tensor) -> None:
        self.model.zero_grad(set_to_none=True)  # or the last step's would be held beside the graph's own
        try:
            self._graph = _StepGraph(self._compute, list(self.model.parameters()), clips, labels)
        except RuntimeError as error:
            self.model.zero_grad(set_to_none=True)
            if is_out_of_memory(error):
                raise
            self._give_up(str(error).partition("\n")[0])

    def _give_up(self, reason: str) -> None:
        self.captures = False
        told = f"training: its steps are not captured as a CUDA graph, and take longer ({reason})"
        print(told, file=sys.stderr, flush=True)


class _StepGraph:
    """A CUDA graph of `compute` for batches like this one. Nothing is computed when it is made."""

    def __init__(
        self, compute: Callable[[Tensor, Tensor], Tensor], parameters: list[nn.Parameter], clips: Tensor, labels: Tensor
    ) -> None:
        self.given = (clips.clone(), labels.clone())
        self.run, self.loss = capture(lambda: compute(*self.given), clips.device)
        self.gradients = [(each, each.grad) for each in parameters]

    def takes(self, *batch: Tensor) -> bool:
        return all(held.shape == new.shape for held, new in zip(self.given, batch, strict=True))

    def replay(self, *batch: Tensor) -> Tensor:
        """The loss lies where the next replay writes its own."""
        for held, new in zip(self.given, batch, strict=True):
            held.copy_(new)
        self.run()
        for parameter, gradient in self.gradients:  # a step in between that was not replayed had others
            parameter.grad = gradient
        return self.loss


def capture(compute: Callable[[], Tensor], device: torch.device) -> tuple[Callable[[], None], Tensor]:
    """What replays a computation on a GPU, and where that leaves its result.

    Raises what broke the capture: RuntimeError for what no graph can hold.
    """
    with torch.cuda.device(device):
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        generator = torch.cuda.default_generators[torch.cuda.current_device()]
        noise = generator.clone_state()
        try:
            # Of this thread alone: another one loads the next batch meanwhile.
            with torch.cuda.graph(graph, stream=torch.cuda.Stream(), capture_error_mode="thread_local"):
                result = compute()
        except BaseException as error:
            # A capture that fails leaves the generator in it (before torch 2.13), and its stream current.
            generator.graphsafe_set_state(noise)
            torch.cuda.set_stream(stream)
            # Where torch only says that the capture is broken, its context is what broke it.
            raise error.__context__ or error from None
    return graph.replay, result


def _noise() -> tuple[object, ...]:
    """The states of the generators whose numbers a CUDA graph would hold fast."""
    numpys = np.random.get_state(legacy=False)
    return random.getstate(), repr(numpys), bytes(torch.get_rng_state().numpy())


def _check_output(output: object, classes: int) -> None:
    """Raises UserError for what a model that was not built for so many identities gives in training."""
    if not isinstance(output, Output):
        raise UserError(f"the model's forward returns {type(output).__name__}; let it return a reidbench.spec.Output")
    if not output.logits:
        raise UserError(f"the model gives no logits in training; build it for {classes} identities (classes={classes})")
    for logits in output.logits:
        if logits.shape[-1] != classes:
            raise UserError(
                f"the model has {logits.shape[-1]} classes for {classes} identities; build it with classes={classes}"
            )
