"""Columns of differences: told from 0 or not, with the noise of the seeds."""

from __future__ import annotations

from reidbench.reporting.findings.differences import estimated_gap
from reidbench.reporting.findings.sentences import findings
from reidbench.spec import Quantity, Record
from reidbench.statistics import Estimate

GAP = Quantity("Slow - fast", "pp", "", 2, 100, "", "mean", "gap", by="pair")
PAIRS = [float(i // 2) for i in range(40)]


def record(gaps: list[float], pairs: list[float] = PAIRS) -> Record:
    return Record({}, "k", "row", "ok", {}, {"gap": gaps, "pair": pairs}, {}, "m", {}, "", 0.0)


def test_seeds_with_other_pairs_are_not_joined() -> None:
    gaps = [0.01] * 40
    known = Estimate(0.01)
    assert estimated_gap(GAP, (known, [record(gaps), record(gaps)])) is not None
    assert estimated_gap(GAP, (known, [record(gaps), record(gaps, [0.0] * 40)])) is None
    assert estimated_gap(GAP, (known, [record([], [])])) is None


def test_a_gap_has_its_sentence_and_weights_are_not_compared_row_by_row(once) -> None:
    said = findings(once("kernels", seeds=1))
    titles = ["Slow - fast", "Occluded - clear", "Channels by tempo", "Channels by occlusion"]
    assert [text.partition(" (")[0] for text in said] == titles
    assert all("within the noise" in text and "one seed" in text for text in said[:2])
    assert all("beyond chance in" in text for text in said[2:])
    assert "one seed" not in " ".join(findings(once("kernels", seeds=2)))
