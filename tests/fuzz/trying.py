"""What every fuzz test does with a case: try it, hold its end against the rule, and count it.

The rule: success, or a UserError (from the command line one line and exit code 2); no other exception, no hang.
`REIDBENCH_NIGHTLY=1` tries about twenty times as many cases, drawn anew each time from `SEED`, which the end of the
output names and `REIDBENCH_FUZZ_SEED` sets; without it they are the same cases every time.
`REIDBENCH_FUZZ_REPORT` names a JSON file for the numbers of cases.
"""

from __future__ import annotations

import io
import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from nightly import NIGHTLY

from reidbench.cli import main
from reidbench.spec import UserError

SEED = int(os.environ.get("REIDBENCH_FUZZ_SEED", "") or random.SystemRandom().randrange(2**32)) if NIGHTLY else 0
PATIENCE = 300.0 if NIGHTLY else 60.0
"""Seconds after which a case counts as hanging; at night other work may share the machine."""

COUNTS: defaultdict[str, Counter[str]] = defaultdict(Counter)
"""By kind of input, how many cases ended how: "success" or "refused"."""


class Hangs(BaseException):
    """Of no type that the code under test may catch as an ordinary error."""


def cases(normal: int, nightly: int) -> Callable[[Any], Any]:
    """How many cases a test tries, in the normal setting and at night."""
    chosen = settings(
        max_examples=nightly if NIGHTLY else normal,
        derandomize=not NIGHTLY,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    return lambda test: seed(SEED)(chosen(test)) if NIGHTLY else chosen(test)


def attempt(kind: str, call: Callable[[], object]) -> str:
    """Calls a function of the project, counts and returns how it ended: "success" or "refused"."""
    outcome = "success"
    try:
        with _in_time():
            call()
    except UserError as error:
        assert str(error).strip(), "a refusal that says nothing"
        outcome = "refused"
    COUNTS[kind][outcome] += 1
    return outcome


def command(kind: str, arguments: Sequence[str], *, verdict: bool = False) -> tuple[str, str, str]:
    """Runs a command line in this process as a terminal would: its outcome, and what it printed on stdout and stderr.

    A refusal is one line on stderr. What the command itself finds wrong (`verdict`) may also end in 1, or in 2 with its
    findings printed.
    """
    out, err = _stream(), _stream()
    with redirect_stdout(out), redirect_stderr(err), _in_time():
        try:
            code = main(arguments)
        except SystemExit as leaving:  # --help
            assert leaving.code in (0, None), f"left with {leaving.code}"
            code = 0
    printed, said = _printed(out), _printed(err)
    assert code in ((0, 1, 2) if verdict else (0, 2)), f"exit code {code}"
    lines = said.splitlines()
    assert "Traceback" not in said
    if code == 2 and not (verdict and printed):
        assert len([line for line in lines if line.startswith("bench.py: ")]) == 1, said
        assert lines[-1].startswith("bench.py: ") and len(lines[-1]) > len("bench.py: "), said
        assert all(c.isprintable() for c in lines[-1]), lines[-1]
    outcome = "refused" if code == 2 else "success"
    COUNTS[kind][outcome] += 1
    return outcome, printed, said


def report() -> dict[str, Any]:
    """The numbers of cases so far."""
    by_kind = {kind: {**found, "cases": found.total()} for kind, found in sorted(COUNTS.items())}
    total = sum(found.total() for found in COUNTS.values())
    return {"seed": SEED, "nightly": NIGHTLY, "cases": total, "by_kind": by_kind}


@contextmanager
def _in_time() -> Iterator[None]:
    def give_up(_: int, __: object) -> None:
        raise Hangs(f"not done after {PATIENCE:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _stream() -> io.TextIOWrapper:
    """A strict UTF-8 stream, as a terminal's or a file's is."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _printed(stream: io.TextIOWrapper) -> str:
    stream.flush()
    content = stream.buffer
    assert isinstance(content, io.BytesIO)
    return content.getvalue().decode()
