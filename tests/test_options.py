"""Options on the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reidbench.options import parse_options, written_options
from reidbench.spec import UserError

single = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(), st.booleans(), st.none())
names = st.from_regex(r"[a-z_]+", fullmatch=True)


@given(st.dictionaries(names, st.one_of(single, st.tuples(single, single))))
def test_what_is_written_is_read_back(options: dict[str, object]) -> None:
    assert parse_options("--data", written_options(options)) == options


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
