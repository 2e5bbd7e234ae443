"""What a finding may be, and when all is sound."""

import pytest

from reidbench.doctor.findings import Finding, is_sound


def test_a_note_is_sound_and_something_wrong_is_not() -> None:
    fine = [Finding("a", "is there"), Finding("b", "is slow", "note")]
    assert is_sound({"one": fine, "two": []})
    assert not is_sound({"one": fine, "two": [Finding("c", "is missing", "wrong")]})


def test_another_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="mark 'bad'"):
        Finding("a", "is there", "bad")
