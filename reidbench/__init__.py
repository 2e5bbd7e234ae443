"""reidbench: a benchmark and efficiency-profiling suite for video person re-identification."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from reidbench.program import HERE, in_checkout
from reidbench.spec import COST_SHAPE, UserError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike
    from pandas import DataFrame
    from torch import nn

__version__ = "0.1.0"
__all__ = ["UserError", "add_plugin", "build", "load_records", "profile", "score"]

if in_checkout():
    # There `models/` and `suites/` lie beside this package; installed, they lie inside it.
    __path__.append(str(HERE.parent))


def add_plugin(path: str | Path) -> None:
    """Registers what a file of your own defines (a model, a suite, a dataset, a measurement), as `--plugin` does.

    It stays registered in this process. Raises UserError for a file that cannot be read, or that takes a name again.
    """
    from reidbench import registry

    registry.add_plugin(str(path))


def build(name: str, **options: Any) -> nn.Module:
    """Builds a registered model: `build("bicnet_tks", alpha=3)`; `classes=N` gives it a classifier to train with.

    It takes clips `[B, T, 3, H, W]` and returns a `reidbench.spec.Output`. `python bench.py list NAME` shows the
    options. Raises UserError for a name or an option that is unknown, and for values that do not fit.
    """
    from reidbench import registry

    model: nn.Module = registry.build(name, **options)
    return model


def profile(
    model: nn.Module | str,
    *,
    shape: Sequence[int] = COST_SHAPE,
    device: str = "cpu",
    precision: str = "fp32",
    rounds: int = 15,
) -> dict[str, Any]:
    """All costs of a model, an `nn.Module` or a registered name, for clips of `shape` `[B, T, 3, H, W]`.

    Measured in this process: parameters (without the classifier), MACs a frame by counter, latency in seconds for the
    whole batch, memory in bytes; what each entry means stands at `reidbench.profiling.profile`. A module given is
    copied, never changed. Raises UserError for what cannot be measured.
    """
    from reidbench.profiling.profile import profile as measure

    return measure(model, shape=shape, device=device, precision=precision, rounds=rounds)


def score(
    vectors: ArrayLike, identities: ArrayLike, cameras: ArrayLike, is_query: ArrayLike, *, protocol: str = "release"
) -> dict[str, dict[str, float]]:
    """The accuracies of features of one's own under a protocol, to the last digit what `bench.py score` prints.

    Of N tracklets, in any order, `vectors` [N, D] are floats, `identities` and `cameras` integers [N] (identity 0 is a
    distractor, -1 junk), and `is_query` bool [N]. Queries are not searched for among each other unless the protocol
    says so (`release_with_queries`). Gives mAP, top1 to top20 and mINP, each as {"value", "low", "high", "queries"}:
    the first three in percent, low and high the 95 % interval over query identities, and how many queries it is the
    mean over, those that have a match. Raises UserError for features that cannot be scored, and for an unknown protocol
    or one that decides how clips become a vector.
    """
    from reidbench.experiments.scoring import score_protocols
    from reidbench.registry import lookup
    from reidbench.reporting.answers.scores import score_values
    from reidbench.retrieval.features_file import given_features
    from reidbench.retrieval.protocols import PROTOCOLS

    chosen = lookup("protocol", protocol, PROTOCOLS)
    (scored,) = score_protocols(given_features(vectors, identities, cameras, is_query), [chosen])
    assert scored.outcome is not None
    queries = scored.outcome.context["queries"]
    return {name: {**bounds, "queries": queries} for name, bounds in score_values(scored.outcome).items()}


def load_records(
    suite: str, results: str | Path = "results", *, plugins: Iterable[str | Path] = (), all_data: bool = False
) -> DataFrame:
    """The stored records of a suite as a pandas frame, one line a row, quantity, setting and state.

    Values that are out of date are there too, and `reason` says in what: choose `frame[frame.state == "ok"]`. `low` and
    `high` bound the 95 % interval that a report gives, NaN where it gives none; `n` and `sd` count and scatter the
    seeds of an accuracy or the rounds of a time; `reidbench.reporting.tables.dataframe.frame` describes all columns.
    `plugins` are files to register before. Raises UserError.
    """
    from reidbench.reporting.tables.dataframe import frame

    for plugin in [plugins] if isinstance(plugins, (str, Path)) else plugins:
        add_plugin(plugin)
    return frame(suite, str(results), all_data=all_data)
