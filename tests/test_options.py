"""Options on the command line, and values against defaults: what is refused is what a builder could not use."""

from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench.options import fits, kind, parse_numbers, parse_options, written_options
from reidbench.spec import UserError

single = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(), st.booleans(), st.none())
names = st.text(f"{ascii_lowercase}_", min_size=1)


@given(st.dictionaries(names, st.one_of(single, st.tuples(single, single))))
def test_what_is_written_is_read_back(options: dict[str, object]) -> None:
    assert parse_options("--data", written_options(options)) == options


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3", (3,)), ("2,8", (2, 8)), ("2-4", (2, 3, 4)), ("7, 1-3", (1, 2, 3, 7)), ("1-8", tuple(range(1, 9)))],
)
def test_numbers_and_ranges(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_numbers(text, 8) == numbers


@pytest.mark.parametrize("text", ["", "0", "9", "4-2", "7-9", "1,", "-3", "1.5", "a", "1" * 5, "\u0661"])
def test_what_is_no_number_from_1_to_the_last_is_none(text: str) -> None:
    assert parse_numbers(text, 8) is None


def test_values_are_literals_and_anything_else_is_text() -> None:
    assert parse_options("--set", ["a=3", "b=(1, 2)", "c=stem", "d=", "e=x=y"]) == {
        "a": 3,
        "b": (1, 2),
        "c": "stem",
        "d": "",
        "e": "x=y",
    }
    assert written_options({"b": "3", "a": "stem", "c": 0.5}) == ["a=stem", "b='3'", "c=0.5"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("split", "write it as OPTION=VALUE"), ("x={1}", "finite number"), ("x=1e999", "finite number")],
)
def test_what_is_no_option_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError, match=f"--data {text}: .*{message}".replace("{", r"\{")):
        parse_options("--data", [text])


@pytest.mark.parametrize(
    ("value", "default", "right"),
    [
        (4, 3, True),
        (-4, 3, True),
        ("x", 3, False),
        (3.0, 3, False),
        (True, 3, False),
        (None, 3, False),
        (1, 0.5, True),
        (True, 0.5, False),
        ("0.5", 0.5, False),
        (False, True, True),
        (1, True, False),
        ("ao", "dao", True),
        (3, "dao", False),
        ((3,), (3, 5), True),
        ([3, 5, 7], (3, 5), True),
        (3, (3, 5), False),
        ((3, "5"), (3, 5), False),
        ((), (3, 5), True),
        (("anything",), (), True),
        ("input", None, True),
        (3, None, True),
        ("DIR", object(), True),
    ],
)
def test_a_value_fits_the_type_of_the_default(value: object, default: object, right: bool) -> None:
    assert fits(value, default) is right


@pytest.mark.parametrize(
    ("default", "text"),
    [
        (3, "a whole number, such as 3"),
        (0.5, "a number, such as 0.5"),
        (True, "True or False"),
        ("dao", "a text, such as 'dao'"),
        ("", "a text"),
        ((3, 5), "a tuple, each element a whole number, such as (3, 5)"),
        ((), "a tuple"),
    ],
)
def test_what_is_expected_is_said_with_an_example(default: object, text: str) -> None:
    assert kind(default) == text
