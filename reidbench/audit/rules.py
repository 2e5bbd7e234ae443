"""The counting rules that a printed cost may follow: a product of small tables, applied to stored counts.

A rule says what is counted (`COUNTED`), in which unit, of which network (`VARIANTS`), how its temporal block enters,
for clips of which length, and whether the number is truncated or rounded. Nothing here knows a printed value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import Any

from reidbench import registry
from reidbench.spec import CLIP_FRAMES, PAPER_SIZE, Row

MARS_IDENTITIES = 625
"""Identities that the classifier of a network trained on MARS tells apart."""

COUNTED: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "gflops": {
        "ptflops": ("gflops", 0),
        "torch": ("macs", 0),
        "fvcore": ("macs_fvcore", 0),
        "ptflops aten": ("macs_aten", 0),
    },
    "params": {
        "all but the classifier": ("params", 0),
        "classifier too": ("params", MARS_IDENTITIES),
        "no neck either": ("params", -2),
    },
}
"""For each printed key the quantities of `complexity` that may stand behind it, and what is added to them for each
element of the clip's feature: the classifier has a weight for each identity (its few biases are `CLASSIFIER_BIAS`), the
batch-norm neck a scale and a shift."""

CLASSIFIER_BIAS: Mapping[str, int] = {"classifier too": MARS_IDENTITIES}

UNITS: Mapping[str, Mapping[str, Fraction]] = {
    "gflops": {"": Fraction(10**9), "x2": Fraction(10**9, 2), "Gi": Fraction(2**30)},
    "params": {"": Fraction(10**6), "Mi": Fraction(2**20)},
}
"""A multiply-accumulate is one operation, or two ("x2"); the prefix is decimal, or binary ("Gi", "Mi")."""

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "stem": {},
    "input": {"small": "input"},
    "text, input": {"variant": "paper"},
    "text, stem": {"variant": "paper", "small": "stem"},
}
"""Where small frames are halved, at the input or after the stem, in the network of the release or in the text's."""

TEMPORAL = {"": False, "TKS a clip": True}
"""The temporal block counts like all else, by the frame, or what it adds is taken for the whole clip."""

REGIONS: Mapping[str, Mapping[int, tuple[int, int]]] = {
    "": {},
    "8x8": {
        stage: (PAPER_SIZE[0] // stride // 8, PAPER_SIZE[1] // stride // 8)
        for stage, stride in enumerate((4, 8, 16, 16), 1)
    },
}
"""The block pools its maps to 4x2 regions after any stage, or, as after stage 2, in windows of 8x8 cells after any."""

CLIPS: Mapping[str, Callable[[int], int]] = {
    "": lambda group: -(-CLIP_FRAMES // group) * group,
    "shorter": lambda group: CLIP_FRAMES // group * group,
    "uneven": lambda group: CLIP_FRAMES,
}
"""Frames of a clip whose groups (one big frame and its small ones, or one a branch) hold so many frames: the smallest
number of groups with at least 8 frames, the largest with at most 8, or 8 frames shared out unevenly."""

ROUNDINGS: Mapping[str, Fraction] = {"truncated": Fraction(0), "rounded": Fraction(1, 2)}
"""How far below a printed number, in units of its last digit, the values begin that print as it; they span one unit."""


@dataclass(frozen=True)
class Rule:
    """One way to come from counts to a printed number; each field but `key` names an entry of its table above."""

    key: str
    counted: str
    unit: str = ""
    variant: str = "stem"
    temporal: str = ""
    regions: str = ""
    clip: str = ""
    rounding: str = "truncated"


RULES: Mapping[str, tuple[Rule, ...]] = {
    "gflops": tuple(
        Rule("gflops", *choice)
        for choice in product(COUNTED["gflops"], UNITS["gflops"], VARIANTS, TEMPORAL, REGIONS, CLIPS, ROUNDINGS)
    ),
    "params": tuple(
        Rule("params", counted, unit, variant, rounding=rounding)
        for counted, unit, variant, rounding in product(
            COUNTED["params"], UNITS["params"], ("stem", "text, input"), ROUNDINGS
        )
    ),
}
"""Every rule tried, by the key of the printed value. Parameters know neither frames nor where these are halved."""

AFTERTHOUGHTS: Mapping[str, str] = {"temporal": "TKS a clip", "regions": "8x8"}
"""Parts of rules that were thought of only after the printed values of Tables 5 and 6 had been seen."""

ABOUT: Mapping[str, Mapping[str, str]] = {
    "counted": {
        "ptflops": "products, batch norm, ReLU and pooling (ptflops, pytorch backend)",
        "torch": "convolutions and matrix products (torch)",
        "fvcore": "convolutions, matrix products and batch norm (fvcore)",
        "ptflops aten": "convolutions with bias and matrix products (ptflops, aten backend)",
        "all but the classifier": "all parameters but the classifier's",
        "classifier too": f"all parameters with a classifier of {MARS_IDENTITIES} identities",
        "no neck either": "all parameters but those of classifier and neck",
    },
    "unit": {
        "": "decimal prefix, a multiply-accumulate is one operation",
        "x2": "a multiply-accumulate is two operations",
        "Gi": "binary prefix",
        "Mi": "binary prefix",
    },
    "variant": {
        "stem": "the release's network, small frames halved after the stem",
        "input": "the release's network, small frames halved at the input",
        "text, input": "the text's network, small frames halved at the input",
        "text, stem": "the text's network, small frames halved after the stem",
    },
    "temporal": {"": "TKS counted by the frame", "TKS a clip": "TKS counted by the clip, all else by the frame"},
    "regions": {"": "TKS over 4x2 regions after any stage", "8x8": "TKS over windows of 8x8 cells after any stage"},
    "clip": {
        "": "clips of at least 8 frames in whole groups",
        "shorter": "clips of at most 8 frames in whole groups",
        "uneven": "clips of 8 frames shared out unevenly",
    },
    "rounding": {"truncated": "truncated", "rounded": "rounded"},
}
"""Every part of a rule in words."""

Term = tuple[int, Row]
"""A network whose count enters a value, and how often."""


def terms(row: Row, rule: Rule) -> tuple[Term, ...] | None:
    """The networks whose counts make the value of a row under a rule; None where the rule cannot hold for the row.

    Their names are made from model and options, so that what is the same network bears the same name.
    """
    known = registry.resolve_options(row.model, row.options)
    group = 1 + known["alpha"] if "alpha" in known else len(known.get("shrink", (1,)))
    frames = CLIPS[rule.clip](group)
    if frames % group and "alpha" in known:
        return None
    options = {**row.options, **{name: value for name, value in VARIANTS[rule.variant].items() if name in known}}
    whole = _named(replace(row, options=options, frames=frames))
    if known.get("temporal", "none") == "none":
        return ((1, whole),)
    regions = {stage: REGIONS[rule.regions].get(stage, known["regions"]) for stage in known["stages"]}
    times = frames if TEMPORAL[rule.temporal] else 1
    if set(regions.values()) == {known["regions"]}:
        blocks: tuple[Row, ...] = (whole,)
    else:
        blocks = tuple(
            _named(replace(whole, options={**options, "stages": (stage,), "regions": parts}))
            for stage, parts in regions.items()
        )
    if times == len(blocks) == 1:
        return ((1, blocks[0]),)
    bare = {name: value for name, value in options.items() if name not in ("kernels", "stages", "regions")}
    without = _named(replace(whole, options={**bare, "temporal": "none"}))
    return ((1 - times * len(blocks), without), *((times, block) for block in blocks))


def label(rule: Rule, row: Row | None = None) -> str:
    """The rule in a few words; for a row without what makes no difference to it."""
    known = registry.resolve_options(row.model, row.options) if row else {"variant": "", "temporal": "tks"}
    variant = rule.variant if rule.key == "gflops" else {"stem": ""}.get(rule.variant, "text")
    words = [
        rule.counted,
        rule.unit,
        variant if "variant" in known else "",
        *((rule.temporal, rule.regions) if known.get("temporal", "none") != "none" else ()),
        rule.clip,
        rule.rounding,
    ]
    return ", ".join(filter(None, words))


def value(rule: Rule, counts: Mapping[str, Mapping[str, float]], parts: tuple[Term, ...]) -> Fraction | None:
    """The number that the rule prints the beginning of, in its unit; None where a count is not there.

    `counts` maps the name of a network to the values of its `complexity` record, `parts` come from `terms`.
    """
    quantity, each = COUNTED[rule.key][rule.counted]
    total = Fraction(CLASSIFIER_BIAS.get(rule.counted, 0))
    for times, row in parts:
        found = counts.get(row.name, {})
        if quantity not in found:
            return None
        total += times * (Fraction(found[quantity]) + each * Fraction(found["dimension"]))
    return total / UNITS[rule.key][rule.unit]


def gap(number: Fraction, text: str, rounding: str) -> Fraction:
    """How far a number is above (or, negative, below) those that print as the text; 0 where it prints as the text."""
    low, high = interval(text, rounding)
    if number < low:
        return number - low
    return max(Fraction(0), number - high)


def interval(text: str, rounding: str) -> tuple[Fraction, Fraction]:
    """The numbers that print as the text: from the first on, up to but without the second."""
    step = last_digit(text)
    low = Fraction(text) - ROUNDINGS[rounding] * step
    return low, low + step


def last_digit(text: str) -> Fraction:
    """The unit of the last printed digit."""
    return Fraction(1, 10 ** decimals(text))


def decimals(text: str) -> int:
    return len(text.partition(".")[2])


def _named(row: Row) -> Row:
    """The row under the name of its network: its model with every option that is not the model's default."""
    model = registry.models()[row.model]
    resolved = registry.resolve_options(row.model, row.options)
    own = {n: v for n, v in resolved.items() if n != "classes" and v != model.options[n]}
    words = [f"{n}={'x'.join(map(str, v)) if isinstance(v, tuple) else v}" for n, v in sorted(own.items())]
    return replace(row, name=" ".join([model.function, *words, f"{row.frames} frames"]), published=())
