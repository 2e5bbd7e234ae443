"""Every option of the synthetic dataset is explained, within the bounds that the dataset checks."""

import re

import pytest

from reidbench import registry
from reidbench.cli import main
from reidbench.data.synthetic import BOUNDS
from reidbench.data.synthetic_options import ABOUT


def test_every_option_has_a_line() -> None:
    assert set(ABOUT) == set(registry.datasets()["synthetic"].options) - {"root"}


@pytest.mark.parametrize("name", ABOUT)
def test_a_range_that_is_told_is_the_one_that_is_checked(name: str) -> None:
    told = re.search(r"(\S+) (?:\([^)]*\) )?to (\d+)", ABOUT[name][1])
    if told:
        assert (float(told[1]), float(told[2])) == BOUNDS[name]


def test_the_help_names_what_to_give_and_what_it_means(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["data", "synthetic", "--help"])
    said = capsys.readouterr().out
    assert "OPTION_" not in said
    assert re.search(r"--test-ids N +identities to test on \(default: 80\)", said)
