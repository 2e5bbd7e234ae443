"""Values of options against defaults: what is refused is what a builder could not use."""

import pytest

from reidbench.kinds import fits, kind


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
