"""The decorators by which files register what they define, and the measurements that are registered. Imports no torch.

They are taken from `reidbench.registry`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from reidbench.discovery.source import first_line
from reidbench.spec import Quantity, UserError
from reidbench.trunks import RESNET

F = TypeVar("F", bound=Callable[..., Any])

MODES = ("alone", "batch", "interleaved")
"""How the cells of a measurement may share a process."""


@overload
def model(function: F) -> F: ...
@overload
def model(*, presets: Mapping[str, Mapping[str, Any]] | None = None, trunk: str = RESNET) -> Callable[[F], F]: ...
def model(function: Any = None, *, presets: Mapping[str, Mapping[str, Any]] | None = None, trunk: str = RESNET) -> Any:
    """Registers a builder `name(*, classes=0, **options) -> nn.Module` under its own name.

    `presets` registers further names: `{"bicnet_tks": {"temporal": "tks"}}` is the same builder with other defaults.
    `trunk` says what kind of network the model stands on (`reidbench.trunks`), which decides what weights it can start
    from: "none" for one that starts as it is built, or from a file. Both must be literals, for they are read from the
    source text.
    """
    return _known_by_file(function, "model")


@overload
def dataset(function: F) -> F: ...
@overload
def dataset(*, splits: int) -> Callable[[F], F]: ...
def dataset(function: Any = None, *, splits: int = 0) -> Any:
    """Registers a function `name(root, **options) -> Dataset` under its own name.

    `splits`, a literal, says how many random splits it has: its option `split` chooses one, from 1. An accuracy is the
    mean over them.
    """
    return _known_by_file(function, "dataset")


def _known_by_file(function: Any, kind: str) -> Any:
    """The function as it is, or the decorator that leaves one as it is; a warning where no file holds it."""

    def check(made: Any) -> Any:
        if made.__module__ == "__main__" and not hasattr(sys.modules["__main__"], "__file__"):
            advice = "write it into a file, and give that to reidbench.add_plugin"
            warnings.warn(
                f"@{kind} {made.__name__}: is not registered, for only files are read; {advice}", stacklevel=2
            )
        return made

    return check if function is None else check(function)


def measurement(
    *,
    quantities: Mapping[str, Quantity],
    mode: str,
    needs: tuple[str, ...] = ("device", "backend"),
    needs_training: bool = False,
    version: int = 1,
    hears: tuple[str, ...] | None = None,
) -> Callable[[F], F]:
    """Registers a function `name(cells, progress) -> Iterator[tuple[Cell, Outcome]]`.

    It yields each cell's outcome as soon as it has it, and calls `progress(cell, done, total, note)` now and then.

    `mode` says how cells share a process: "alone" (one cell a fresh process), "batch" (several, one after the other),
    "interleaved" (the rows of a suite measured round by round in one process, alone on the machine). `needs` names what
    a cost's cells hold beside the shape of the clips: "device" (with precision and threads), "backend", "reference"
    (the suite's reference row). `hears` names the settings of a column that the measurement follows; a suite that gives
    it another is refused, for that would be its heading and nothing else. None takes them all. `version` is part of
    every cell's key: raise it when a change of code, here or in what it calls, changes the numbers.
    """

    def register(function: F) -> F:
        if mode not in MODES:
            raise UserError(f"measurement {function.__name__}: mode must be alone, batch or interleaved, not {mode!r}")
        known = MEASUREMENTS.get(function.__name__)
        if known and known.function.__module__ != function.__module__:
            there, here = (sys.modules[module].__file__ for module in (known.function.__module__, function.__module__))
            raise UserError(f"measurement {function.__name__!r} is defined in both {there} and {here}")
        MEASUREMENTS[function.__name__] = Measurement(
            function.__name__,
            first_line(function.__doc__),
            quantities,
            mode,
            needs,
            needs_training,
            version,
            function,
            hears,
        )
        return function

    return register


@dataclass(frozen=True)
class Measurement:
    name: str
    about: str
    quantities: Mapping[str, Quantity]
    mode: str
    needs: tuple[str, ...]
    needs_training: bool
    version: int
    function: Callable[..., Any]
    hears: tuple[str, ...] | None = None


DECORATORS = ("model", "dataset", "measurement")
"""What a file registers its functions with."""

MEASUREMENTS: dict[str, Measurement] = {}
