"""Rules: what they print, what is counted for a row, and what the counts come to."""

from dataclasses import replace
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench import registry
from reidbench.audit.rules import (
    ABOUT,
    COUNTED,
    MARS_IDENTITIES,
    REGIONS,
    ROUNDINGS,
    RULES,
    Rule,
    gap,
    interval,
    label,
    terms,
    value,
)
from reidbench.spec import Published, Row

TKS = Row("TKS", "bicnet_tks", {"stages": (3,)})
BASE = Row("Base", "baseline")


def printed_as(number: Fraction, decimals: int, rounding: str) -> str:
    """The number with that many decimals, exactly."""
    units = floor(number * 10**decimals + ROUNDINGS[rounding])
    return f"{'-' if units < 0 else ''}{abs(units) // 10**decimals}.{abs(units) % 10**decimals:0{decimals}d}"


def named(row: Row, rule: Rule) -> list[tuple[int, str]]:
    parts = terms(row, rule)
    assert parts is not None
    return [(times, network.name) for times, network in parts]


@pytest.mark.parametrize(
    ("number", "rounding", "text"),
    [
        ("4.0856", "truncated", "4.08"),
        ("4.0856", "rounded", "4.09"),
        ("0.2553", "truncated", "0.25"),
        ("1.005", "rounded", "1.01"),
        ("0.999", "rounded", "1.00"),
        ("23.5", "truncated", "23.50"),
    ],
)
def test_truncating_and_rounding(number: str, rounding: str, text: str) -> None:
    assert printed_as(Fraction(number), 2, rounding) == text


@given(st.fractions(0, 100), st.integers(1, 3), st.sampled_from(["truncated", "rounded"]))
def test_the_interval_of_a_printed_number_holds_what_prints_so_and_nothing_else(number, digits, rounding) -> None:
    text = printed_as(number, digits, rounding)
    low, high = interval(text, rounding)
    assert low <= number < high and gap(number, text, rounding) == 0
    assert printed_as(high, digits, rounding) != text
    assert low <= 0 or printed_as(low - Fraction(1, 10**9), digits, rounding) != text


def test_the_gap_is_signed_and_measured_to_what_would_print_so() -> None:
    assert gap(Fraction("1.79"), "1.76", "truncated") == Fraction("0.02")
    assert gap(Fraction("1.79"), "1.76", "rounded") == Fraction("0.025")
    assert gap(Fraction("1.75"), "1.76", "truncated") == Fraction("-0.01")


def test_as_released_a_row_is_its_own_network_whatever_it_is_called() -> None:
    rule = Rule("gflops", "torch")
    assert named(BASE, rule) == [(1, "baseline 8 frames")] == named(Row("other", "baseline", {"shrink": (1,)}), rule)
    assert named(Row("spelled", "bicnet", {"temporal": "tks"}), rule) == named(Row("short", "bicnet_tks"), rule)


def test_what_is_printed_of_a_row_is_no_part_of_its_network() -> None:
    printed = replace(TKS, name="other", published=(Published({"gflops": "1.92"}),))
    assert terms(printed, Rule("gflops", "torch")) == terms(TKS, Rule("gflops", "torch"))


@pytest.mark.parametrize(
    ("row", "variant", "network"),
    [
        (Row("TB", "two_branch"), "input", "bicnet attention=none csp=False small=input 8 frames"),
        (TKS, "text, input", "bicnet stages=3 temporal=tks variant=paper 8 frames"),
        (BASE, "text, input", "baseline 8 frames"),
    ],
)
def test_a_variant_changes_the_networks_that_have_it(row: Row, variant: str, network: str) -> None:
    assert named(row, Rule("gflops", "torch", variant=variant)) == [(1, network)]


def test_blocks_after_several_stages_are_one_network_where_nothing_is_counted_apart() -> None:
    both = Row("both", "bicnet_tks", {"stages": (2, 3)})
    assert named(both, Rule("gflops", "torch")) == [(1, "bicnet stages=2x3 temporal=tks 8 frames")]


def test_a_block_counted_by_the_clip_is_added_once_a_frame() -> None:
    parts = named(TKS, Rule("gflops", "torch", temporal="TKS a clip"))
    assert parts == [(-7, "bicnet 8 frames"), (8, "bicnet stages=3 temporal=tks 8 frames")]


def test_windows_of_8x8_leave_stage_2_as_it_is_and_are_each_added_for_several_stages() -> None:
    assert REGIONS["8x8"] == {1: (8, 4), 2: (4, 2), 3: (2, 1), 4: (2, 1)}
    rule = Rule("gflops", "torch", regions="8x8")
    second = Row("second", "bicnet_tks", {"stages": (2,)})
    assert named(second, rule) == named(second, Rule("gflops", "torch"))
    assert named(TKS, rule) == [(1, "bicnet regions=2x1 stages=3 temporal=tks 8 frames")]
    both = [(times, name) for times, name in named(Row("both", "bicnet_tks", {"stages": (2, 3)}), rule)]
    assert both == [
        (-1, "bicnet 8 frames"),
        (1, "bicnet temporal=tks 8 frames"),
        (1, "bicnet regions=2x1 stages=3 temporal=tks 8 frames"),
    ]


@pytest.mark.parametrize(
    ("row", "frames"),
    [
        (Row("three", "baseline", {"shrink": (1, 2, 4)}), {"": 9, "shorter": 6, "uneven": 8}),
        (Row("alpha 4", "two_branch", {"alpha": 4}), {"": 10, "shorter": 5, "uneven": None}),
        (BASE, {"": 8, "shorter": 8, "uneven": 8}),
    ],
)
def test_the_length_of_a_clip_follows_its_groups(row: Row, frames: dict[str, int | None]) -> None:
    for clip, expected in frames.items():
        parts = terms(row, Rule("gflops", "torch", clip=clip))
        assert (parts[0][1].frames if parts else None) == expected


def test_a_value_is_the_weighted_sum_in_its_unit() -> None:
    rule = Rule("gflops", "torch", temporal="TKS a clip")
    parts = terms(TKS, rule)
    assert parts
    counts = {"bicnet 8 frames": {"macs": 2e9}, "bicnet stages=3 temporal=tks 8 frames": {"macs": 2.25e9}}
    full = {name: {**values, "dimension": 2048.0} for name, values in counts.items()}
    assert value(rule, full, parts) == 4
    assert value(Rule("gflops", "torch", "x2", temporal="TKS a clip"), full, parts) == 8
    assert value(rule, {"bicnet 8 frames": full["bicnet 8 frames"]}, parts) is None


@pytest.mark.parametrize("counted", COUNTED["gflops"])
def test_operations_are_those_of_the_counter_and_nothing_is_added(counted: str) -> None:
    rule = Rule("gflops", counted)
    counts = {"baseline 8 frames": {COUNTED["gflops"][counted][0]: 4e9, "dimension": 2048.0}}
    assert value(rule, counts, terms(BASE, rule) or ()) == 4


def test_the_classifier_of_mars_tells_625_identities_apart() -> None:
    counts = {"baseline 8 frames": {"params": 23e6, "dimension": 2048.0}}
    rules = [Rule("params", name) for name in ("classifier too", "all but the classifier")]
    trained, bare = (value(rule, counts, terms(BASE, rule) or ()) for rule in rules)
    assert trained is not None and bare is not None and trained - bare == Fraction(625 * (2048 + 1), 10**6)


def test_classifier_and_neck_are_what_the_network_has() -> None:
    small = {"depth": 18, "width": 8}
    bare, trained = (registry.build("baseline", classes=n, **small) for n in (0, MARS_IDENTITIES))
    count = {n: sum(p.numel() for p in model.parameters()) for n, model in (("bare", bare), ("trained", trained))}
    neck = sum(p.numel() for p in bare.neck.parameters())
    row = Row("slim", "baseline", small)
    parts = terms(row, Rule("params", ""))
    assert parts
    record = {parts[0][1].name: {"params": float(count["bare"]), "dimension": float(bare.neck.num_features)}}
    found = {name: value(Rule("params", name), record, parts) for name in COUNTED["params"]}
    million = {name: int(number * 10**6) for name, number in found.items() if number}
    assert million["all but the classifier"] == count["bare"]
    assert million["classifier too"] == count["trained"]
    assert million["no neck either"] == count["bare"] - neck


def test_every_part_of_every_rule_has_words() -> None:
    for rule in (rule for rules in RULES.values() for rule in rules):
        for part, words in ABOUT.items():
            assert getattr(rule, part) in words
        assert label(rule) and label(rule, BASE)


def test_a_label_for_a_row_leaves_out_what_makes_no_difference_to_it() -> None:
    rule = Rule("gflops", "torch", temporal="TKS a clip", regions="8x8")
    assert label(rule) == label(rule, TKS) == "torch, stem, TKS a clip, 8x8, truncated"
    assert label(rule, BASE) == "torch, truncated"
    assert label(rule, Row("TB", "two_branch")) == "torch, stem, truncated"
