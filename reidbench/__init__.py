"""reidbench: a benchmark and efficiency-profiling suite for video person re-identification."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

__version__ = "0.1.0"
__all__ = ["build", "load_records", "profile"]

_root = Path(__file__).resolve().parent.parent
if (_root / "bench.py").is_file():
    # In a checkout `models/` and `suites/` lie beside this package; installed, they lie inside it.
    __path__.append(str(_root))


def build(name: str, **options: Any) -> Any:
    """Builds a registered model: `build("bicnet_tks", alpha=3)` returns an `nn.Module`."""
    from reidbench import registry

    return registry.build(name, **options)


def profile(model: Any, **settings: Any) -> dict[str, Any]:
    """Costs of a model (an `nn.Module` or a registered name), measured in this process: see `profiling.profile`."""
    from reidbench.profiling import profile as measure

    return measure(model, **settings)


def load_records(suite: str, results: str = "results", *, plugins: Iterable[str] = (), all_data: bool = False) -> Any:
    """All stored records of a suite as a pandas frame, one line a row, quantity and setting: see
    `reporting.frames.frame`. `plugins` are files to register before, as `--plugin` does."""
    from reidbench import registry
    from reidbench.reporting.frames import frame

    for plugin in plugins:
        registry.add_plugin(plugin)
    return frame(suite, results, all_data=all_data)
