"""What is said of records that were measured with other versions of packages than are installed."""

from importlib import metadata

from reidbench.commands.versions import outdated
from reidbench.spec import Record

TORCH = metadata.version("torch")


def record(**versions: str) -> Record:
    return Record({}, "key", "row", "ok", {}, {}, {}, "here", versions, "2026-01-01T00:00:00+00:00", 1.0)


def test_what_ran_the_networks_is_compared_with_what_is_installed() -> None:
    assert outdated([]) == outdated([record(torch=TORCH)]) == ""
    assert outdated([record(torch="2.0.0"), record(torch=TORCH)]) == f"torch 2.0.0 ({TORCH} is installed)"
    found = outdated([record(torch="1.9.0"), record(torch="1.8.0", pytest="0.1")])
    pytest_now = metadata.version("pytest")
    assert found == f"torch 1.8.0 and 1.9.0 ({TORCH} is installed), pytest 0.1 ({pytest_now} is installed)"


def test_other_packages_and_what_is_not_installed_are_passed_over() -> None:
    assert outdated([record(python="3.1", reidbench="0.1", numpy="1.0", torch=TORCH)]) == ""
    assert outdated([record(torch=TORCH, nosuchruntime="1.0"), record(torch="")]) == ""
