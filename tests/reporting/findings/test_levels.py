from dataclasses import replace

from made_up import COLUMNS

from reidbench.reporting.findings.levels import growth_findings, held_text
from reidbench.reporting.tables.table import assemble

MEAN_AP, LATENCY = 0, 5


def with_levels(bench, index, levels):
    """The table with one column at several levels of a factor, a value at each in proportion to the level."""
    table = assemble(bench.plan, bench.store)
    heading = next(found for found in table.headings if found.index == index)
    headings, entries = [], {}
    for place, level in enumerate(levels):
        column = replace(COLUMNS[index], level=("gallery", level))
        headings.append(replace(heading, index=place, column=column))
        for name, entry in table.column(heading).items():
            known = replace(entry.estimate, value=entry.estimate.value * level / levels[0])
            entries[name, place] = replace(entry, estimate=known)
    return replace(table, headings=tuple(headings), entries=entries)


def test_times_grow_by_a_factor_from_the_lowest_to_the_highest_level(bench):
    bench.save_all()
    (found,) = growth_findings(with_levels(bench, LATENCY, (10_000, 1_000_000, 100_000)))
    assert found.startswith("Latency (ms), from gallery 10,000 to 1,000,000: Small ")
    assert found.count("100x as long") == 3


def test_a_level_between_that_lies_beyond_both_ends_is_told_too(bench):
    bench.focus = "Full"
    bench.save_all()
    table = with_levels(bench, LATENCY, (1.0, 2.0, 3.0))
    middle = {
        name: replace(e, estimate=replace(e.estimate, value=9.0)) for (name, i), e in table.entries.items() if i == 1
    }
    (plain,) = growth_findings(table)
    (found,) = growth_findings(
        replace(table, entries={**table.entries, **{(name, 1): e for name, e in middle.items()}})
    )
    assert "at most" not in plain and found.count(", at most 9000.0 at 2") == 2 and "at least" not in found


def test_an_accuracy_is_told_of_the_row_in_focus_and_the_reference_without_a_factor(bench):
    bench.focus = "Full"
    bench.save_all()
    (found,) = growth_findings(with_levels(bench, MEAN_AP, (0.5, 1.0)))
    assert found.startswith("mAP (%), from gallery 0.5 to 1: Full ") and "; Base " in found
    assert "as long" not in found and "Small" not in found


def test_one_level_or_none_says_nothing(bench):
    bench.save_all()
    assert not list(growth_findings(with_levels(bench, LATENCY, (10,))))
    assert not list(growth_findings(assemble(bench.plan, bench.store)))


def test_what_all_levels_set_alike_is_named_and_what_varies_is_not(bench):
    bench.save_all()
    table = with_levels(bench, MEAN_AP, (0.5, 1.0))
    data = ({"rate": 0.5, "occlusion": 0.0}, {"occlusion": 0.0})
    headings = [replace(h, column=replace(h.column, data=own)) for h, own in zip(table.headings, data, strict=True)]
    assert held_text(headings) == " (no occluders)" and held_text(headings[:1]) == held_text(table.headings) == ""
    (found,) = growth_findings(replace(table, headings=tuple(headings)))
    assert found.startswith("mAP (%), from gallery 0.5 to 1 (no occluders): ")
    for own, told in (
        ({"occlusion": 0.5}, "occlusion 0.5"),
        ({"detail": 0.0, "gait": 0.0}, "no emblem twins, no tempo twins"),
    ):
        alike = [replace(h, column=replace(h.column, data=own)) for h in headings]
        assert held_text(alike) == f" ({told})"
