"""The judgement on made-up readings, whose scatter is known, and a short measurement of this machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from reidbench.doctor import noise
from reidbench.doctor.noise import FEWEST, Noise, judge, scatter


def readings(deviation: float, count: int = 4001) -> list[float]:
    """Seconds around 0.01 with a relative standard deviation."""
    return list(0.01 * (1 + deviation * np.random.default_rng(0).standard_normal(count)))


def made_up(deviation: float = 0.01, load: float = 0.0, stolen: float = 0.0, **more: object) -> Noise:
    seconds = {"product": readings(deviation), "copy": readings(deviation / 2)}
    return Noise(**{"seconds": seconds, "other_load": load, "stolen": stolen, "cores": 4, **more})  # type: ignore[arg-type]


def marks(found: Noise) -> dict[str, str]:
    return {finding.subject: finding.mark for finding in judge(found)}


def test_the_interval_is_that_of_the_median_of_a_sessions_rounds() -> None:
    """95 of 100 medians of so many readings lie within it."""
    rng, deviation = np.random.default_rng(1), 0.05
    medians = np.median(1 + deviation * rng.standard_normal((20_000, FEWEST)), axis=1)
    known = scatter(readings(deviation)).uncertainty
    assert np.mean(np.abs(medians - 1) <= known) == pytest.approx(0.95, abs=0.015)


def test_outliers_are_counted_and_move_neither_median_nor_width() -> None:
    quiet = readings(0.01)
    loud = [*quiet, *[0.1] * 40]
    assert scatter(quiet).outliers == 0 and scatter(loud).outliers == pytest.approx(40 / len(loud))
    assert scatter(loud).median == pytest.approx(scatter(quiet).median, rel=1e-3)
    assert scatter(loud).uncertainty == pytest.approx(scatter(quiet).uncertainty, rel=0.05)


def test_a_quiet_machine_is_ok_and_the_limits_are_told() -> None:
    assert set(marks(made_up()).values()) == {"ok"}
    assert judge(made_up())[-1].subject == "limits"


def test_a_scatter_without_a_cause_comes_with_how_many_rounds_and_what_to_do() -> None:
    found = {finding.subject: finding for finding in judge(made_up(0.06))}
    product = found["matrix product"]
    assert product.mark == "note" and found["what to do"].mark == "note"
    needed = int(product.text.rpartition(" ")[2])
    assert needed == pytest.approx(FEWEST * (product.facts["uncertainty"] / noise.QUIET) ** 2, abs=1)
    assert "governor" in found["what to do"].text and "taskset -c 0-3" in found["what to do"].text


def test_a_scatter_that_rounds_cannot_make_up_for_is_told_as_such() -> None:
    assert judge(made_up(0.5))[0].text.endswith(f"more than {noise.MOST} would be needed")


def test_who_computes_beside_is_named() -> None:
    busiest = (("ffmpeg", 12, 0.9), ("idler", 13, 0.01))
    found = {finding.subject: finding for finding in judge(made_up(0.06, 0.91, busiest=busiest))}
    assert found["other load"].mark == "note" and "what to do" not in found
    assert "0.91 of 4 cores: ffmpeg (12) 0.90; end them or wait" in found["other load"].text
    assert "idler" not in found["other load"].text


def test_half_of_the_cores_taken_is_to_be_mended() -> None:
    found = judge(made_up(load=2.0))[2]
    assert found.mark == "wrong" and "another container" in found.text


def test_time_that_the_host_takes_is_told() -> None:
    assert marks(made_up(stolen=0.3))["stolen time"] == "note"


def test_regular_outliers_are_a_note() -> None:
    loud = {"product": [*readings(0.01, 90), *[0.1] * 10]}
    assert marks(made_up(seconds=loud))["matrix product"] == "note"


def test_this_machine_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "PRODUCT_SIDE", 64)
    monkeypatch.setattr(noise, "COPIED_BYTES", 2**16)
    found = noise.measure(0.05)
    assert set(found.seconds) == {"product", "copy"} and found.other_load >= 0 and found.stolen >= 0
    assert all(len(one) >= FEWEST and min(one) > 0 for one in found.seconds.values())
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path))
    assert [finding.subject for finding in noise.examine(0.05)][:2] == ["matrix product", "memory copy"]


def test_another_bench_that_is_timing_is_not_disturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REIDBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(noise, "measure", None)
    with FileLock(tmp_path / ".timing.lock"):
        (finding,) = noise.examine(1.0)
    assert finding.mark == "note" and "another run is timing" in finding.text
