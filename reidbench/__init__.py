"""reidbench: a benchmark and efficiency-profiling suite for video person re-identification.

`build` a registered model, `profile` it or a module of your own, `score` features; read records as pandas frames with
`load_records`, `load_differences` and `load_evaluations`; register files of your own with `add_plugin`. A mistake in
what is given is a `UserError`. docs/python.md has training, evaluation and suites from Python.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from reidbench.program import HERE, in_checkout
from reidbench.spec import COST_SHAPE, UserError

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike
    from pandas import DataFrame
    from torch import nn

    from reidbench.profiling.profile import Profile

__version__ = "0.1.0"
__all__ = [
    "UserError",
    "add_plugin",
    "build",
    "load_differences",
    "load_evaluations",
    "load_records",
    "profile",
    "score",
]

if in_checkout():
    # There `models/` and `suites/` lie beside this package; installed, they lie inside it.
    __path__.append(str(HERE.parent))


def add_plugin(path: str | os.PathLike[str]) -> None:
    """Registers what a file of your own defines (a model, a suite, a dataset, a measurement), as `--plugin` does.

    It stays registered in this process. Raises UserError for a file that cannot be read, or that takes a name again.
    """
    from reidbench import registry

    registry.add_plugin(_path("path", path, "file"))


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
    device: str | torch.device = "cpu",
    precision: Literal["fp32", "ieee32", "bf16", "fp16"] = "fp32",
    rounds: int = 15,
) -> Profile:
    """All costs of a model, an `nn.Module` or a registered name, for clips of `shape` `[B, T, 3, H, W]`.

    Measured in this process, in evaluation mode. Times and memory are those in channels_last, weights and clips
    converted to the precision (no autocast), and counts those in float32, whatever the module is of. A module given is
    copied, never changed. What the caller has set of torch (a default device or type, inference mode, autocast, other
    function modes) is put aside meanwhile. Of several threads one profiles at a time: what the others compute in the
    meantime would be in its numbers. The entries:

    - `model`, `shape`, `device`, `precision`: what was measured; `threads`: how many torch has in this process
    - `parameters`: their number, the classifier left out
    - `macs`: multiply-accumulates a frame by counter: "torch" (its FlopCounterMode; MACs/frame in tables), "fvcore",
      "ptflops" (its backend `pytorch`; GFLOPs/frame in tables) and "ptflops_aten"; None where a counter has none
    - `absent`: why a counter has none
    - `disagreements`: each a `module` on which a `counter` differs from "torch", with `operations`: the MACs of a clip
      that the counter has beyond it, by kind of operation (below 0: that it misses)
    - `latency`: seconds for all B clips: `seconds` of each round, their `median`, and its 95 % `interval`, None where
      the rounds are too few
    - `memory`: bytes: `peak`, on a CPU of all that the process holds, on CUDA of torch's allocator; `added`, the peak
      less what was held before the model was there: compare this one; `reserved`, what that allocator took (0 on a CPU)

    Raises UserError for what cannot be measured.
    """
    from reidbench.profiling.profile import profile as measure

    return measure(model, shape=shape, device=device, precision=precision, rounds=rounds)


def score(
    vectors: ArrayLike,
    identities: ArrayLike,
    cameras: ArrayLike,
    is_query: ArrayLike,
    *,
    clothes: ArrayLike | None = None,
    protocol: str = "release",
) -> dict[str, dict[str, float]]:
    """The accuracies of features of one's own under a protocol, to the last digit what `bench.py score` prints.

    Of N tracklets, in any order, `vectors` [N, D] are floats, `identities` and `cameras` integers [N] (identity 0 is a
    distractor, -1 junk), and `is_query` bool [N]. `clothes`, names or numbers [N], says which of its identity's own
    outfits each wears: the protocols `clothes_changing` and `same_clothes` go by it. Queries are not searched for among
    each other unless the protocol says so (`release_with_queries`). Gives mAP, top1 to top20 and mINP, each as
    {"value", "low", "high", "queries"}: the first three in percent, low and high the 95 % interval over query
    identities, and how many queries it is the mean over, those that have a match. Raises UserError for features that
    cannot be scored, and for an unknown protocol or one that decides how clips become a vector.
    """
    from reidbench.experiments.scoring import score_protocols
    from reidbench.registry import lookup
    from reidbench.reporting.answers.scores import score_values
    from reidbench.retrieval.features_file import given_features
    from reidbench.retrieval.protocols import PROTOCOLS

    chosen = lookup("protocol", protocol, PROTOCOLS)
    (scored,) = score_protocols(given_features(vectors, identities, cameras, is_query, clothes), [chosen])
    assert scored.outcome is not None
    queries = scored.outcome.context["queries"]
    return {name: {**bounds, "queries": queries} for name, bounds in score_values(scored.outcome).items()}


def load_records(
    suite: str,
    results: str | os.PathLike[str] = "results",
    *,
    plugins: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    all_data: bool = False,
) -> DataFrame:
    """The stored records of a suite as a pandas frame, one line a row, quantity, setting and state.

    Values that are out of date are there too: choose `frame[frame.state == "ok"]`. The columns, text where nothing else
    is said, "" where it does not apply:

    - `suite`, `row`, `model`: the suite, the name of the row in it, and the registered model
    - `measurement`, `quantity`: what was measured, as in "accuracy" and "mAP"; `unit`: that of all numbers of the line
    - `value`: a float; `low`, `high`: its 95 % interval as a report gives it, NaN where it gives none
    - `n`, `sd`: number and standard deviation of the seeds or splits (accuracy) or rounds (time); NaN for one
    - `published`: the value as it is printed, a text; `published_dataset`: what it was published on
    - `difference`: `value` less `published`, a float; NaN where the two cannot be compared
    - `preset`, `dataset`, `dataset_options`, `splits`, `dataset_fingerprint`, `protocol`: by what an accuracy was
      trained and scored; the fingerprint names the content of the data
    - `device`, `precision` (of an accuracy: in which it was trained), `backend`: what computed it
    - `threads`: a float, NaN where none were set; 0 for a training on a GPU
    - `shape`: of the clips of a cost, as in "1x8x3x256x128" (`frame["shape"]`, for `frame.shape` is that of the frame)
    - `settings`: what only some measurements have, such as the length of a tracklet
    - `machine`: its folder; `state`: "ok", "stale" (out of date), "failed", "out-of-memory" or "skipped"; `reason`: why
      it is not "ok", and where records of another machine lie in the folder, "measured on machine" with its name

    With `all_data` accuracies on data with options that the suite does not ask for are there too. `plugins` are files
    to register before. `results` may be the folder of one machine in it, too. Raises UserError, also where there are no
    records at all and for a damaged one, which it names.
    """
    from reidbench.reporting.tables.dataframe import frame

    _add_plugins(plugins)
    return frame(suite, _path("results", results, "folder that holds the results"), all_data=all_data)


def load_differences(
    suite: str,
    results: str | os.PathLike[str] = "results",
    *,
    plugins: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
) -> DataFrame:
    """The differences that the reports of a suite, or of a collection, test: a pandas frame, one line a difference.

    Rows answer the same queries, so that a difference has an interval of its own, which those of the two rows do not
    tell. Only values that are up to date are compared. Of each machine there are the differences of its usual report,
    then those of other presets, datasets, protocols and of trainings on a GPU. The columns:

    - `suite`; `family`: what is compared with what, the title of the report's table; `name`: which difference it is
    - `measurement`, `quantity`: as in `load_records`; `unit`: "pp" (percentage points) of what is in percent
    - `value`, `low`, `high`: the difference and its 95 % interval, in that unit, NaN where there is no interval
    - `n`: the seeds, or random splits, of each side. With 1 the interval lacks the noise of training
    - `beyond`: whether 0 lies outside the interval, so beyond the noise that it covers; each difference is tested alone
    - `preset`, `dataset`, `dataset_fingerprint`, `protocol`, `device`, `machine`: as in `load_records`; "" where they
      differ within a report
    - `reason`: "measured on machine" with its name where records of another machine lie in the folder, else ""

    `plugins` are files to register before. Raises UserError, also where there are no records at all.
    """
    from reidbench.reporting.findings.difference_frame import difference_frame

    _add_plugins(plugins)
    return difference_frame(suite, _path("results", results, "folder that holds the results"))


def load_evaluations(
    results: str | os.PathLike[str] = "results",
    *,
    plugins: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
) -> DataFrame:
    """What `bench.py evaluate` recorded of given weights: a pandas frame, one line an evaluation and accuracy.

    They stand in no table, for their trainings may be any. Those of one machine come in the order of time; of weights
    that were evaluated again there is the last one. The columns:

    - `row`, `model`: the model with its options as it was asked for, and its registered name
    - `weights`, `weights_hash`: the name of the file, and its SHA-256
    - `quantity`: as in `load_records`; `unit`: that of the numbers; `value`, `low`, `high`: with the 95 % interval over
      query identities, NaN where there is none; `queries`: how many have a match
    - `dataset`, `dataset_options`, `dataset_fingerprint`, `protocol`, `device`, `machine`: as in `load_records`
    - `frames`, `size`, `precision`: of a clip, as in 8 and "256x128", and that of the recipe
    - `measured`: the time in UTC; `state`: "ok", or "stale", for the `reason` given, where the code of the model or
      of the scoring is another today; `reason` also says "measured on machine" as in `load_records`

    `plugins` are files to register before. Raises UserError where there are no records at all.
    """
    from reidbench.reporting.answers.evaluation_frame import evaluation_frame

    _add_plugins(plugins)
    return evaluation_frame(_path("results", results, "folder that holds the results"))


def _path(name: str, given: str | os.PathLike[str], what: str) -> str:
    """What a parameter was given as a path, as a text."""
    if not isinstance(given, (str, os.PathLike)):
        raise UserError(f"{name}={given!r}: give the {what}, as a text or a path")
    return os.fspath(given)


def _add_plugins(plugins: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> None:
    """Adds several, or one that was given by itself."""
    if not isinstance(plugins, (str, os.PathLike, Iterable)):
        raise UserError(f"plugins={plugins!r}: give files, as texts or paths")
    for plugin in [plugins] if isinstance(plugins, (str, os.PathLike)) else plugins:
        add_plugin(plugin)
