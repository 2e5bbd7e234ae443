"""`list NAME`: what can be set of a model or a dataset, and what a suite, a measurement and a preset consist of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from trunkless import TRUNKLESS

from reidbench import presets, registry
from reidbench.cli import main


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that run side by side are told a width, which would wrap what they look for."""
    monkeypatch.delenv("COLUMNS", raising=False)


def listed(capsys: pytest.CaptureFixture[str], *names: str) -> str:
    assert main(["list", *names]) == 0
    return capsys.readouterr().out


def test_a_models_options_are_shown_with_defaults_choices_and_what_they_mean(capsys) -> None:
    said = listed(capsys, "bicnet_tk")
    assert said.startswith("model bicnet_tk\n\nbicnet with temporal='tk'\n\nOne frame in 1 + alpha at full size")
    lines = [line.split(maxsplit=1) for line in said.partition("options, for --set")[2].splitlines()[1:]]
    assert dict(lines)["alpha"] == "3" and dict(lines)["temporal"] == "'tk'  of 'tks', 'tk', 'none'"
    assert [name for name, _ in lines] == [name for name in registry.models()["bicnet_tk"].options if name != "classes"]


def test_a_datasets_options_and_a_suites_rows(capsys) -> None:
    said = listed(capsys, "synthetic", "table2", "mars", "paper")
    assert "options, for --data OPTION=VALUE" in said and "  occlusion     0.2\n" in said
    assert "rows, for --rows\n   1  Base-S (128x64)\n" in said and "   8  BiCnet-TKS\n" in said
    assert "Runs table1, table2, " in said and "root" not in said.partition("with their defaults")[2].split("suite")[0]


def test_a_model_on_no_trunk_is_said_to_start_as_it_is_built(tmp_path: Path, capsys) -> None:
    (tmp_path / "own.py").write_text(TRUNKLESS)
    plugin = ["--plugin", str(tmp_path / "own.py")]
    assert "\non no known trunk: starts as it is built, " in listed(capsys, "trunkless", *plugin)
    assert "trunk" not in listed(capsys, "synthetic")
    own, other = json.loads(listed(capsys, "trunkless", "stmp", "--json", *plugin))
    assert (own["trunk"], other["trunk"]) == ("none", "inception")


def test_a_measurements_quantities_are_shown_with_units_and_what_they_mean(capsys) -> None:
    said = listed(capsys, "latency")
    assert said.startswith("measurement latency\n\nSeconds a clip") and "for Column('latency.QUANTITY')\n" in said
    assert "\n  per_frame  Latency/frame (ms); one clip, by its frames; median; lower is better\n" in said
    known = json.loads(listed(capsys, "accuracy", "--json"))[0]["quantities"]
    assert known.keys() == registry.measurements()["accuracy"].quantities.keys() and "(%)" in known["mINP"]


def test_a_presets_settings_are_shown(capsys) -> None:
    quick, paper = listed(capsys, "quick"), listed(capsys, "paper")
    lines = {" ".join(line.split()) for line in quick.partition("\nsettings\n")[2].splitlines()}
    assert {"dataset synthetic", "steps 600", "size 64, 32", "rates tks 4, csp 0.1", "milestones 40, 80, 120"} <= lines
    assert {"rates with trunk vit trunk. 0.1", "dataset options -"} <= lines
    assert quick.startswith("preset quick\n\npre-trained slim trunk")
    assert (
        "favour the rows with temporal kernels" in quick
        and "  on lsvid                    metric_loss contrastive\n" in paper
    )


def test_a_name_of_two_things_shows_both(capsys) -> None:
    kinds = [facts["kind"] for facts in json.loads(listed(capsys, "paper", "complexity", "--json"))]
    assert kinds == ["suite", "preset", "suite", "measurement"]


def test_json_holds_the_same(capsys) -> None:
    model, suite = json.loads(listed(capsys, "bicnet", "table2", "--json"))
    assert model["options"]["small"] == {"default": None, "choices": [None, "input", "stem"]}
    assert suite["rows"]["2"] == "Base-B (256x128)"


def test_every_name_can_be_listed(capsys) -> None:
    known = {
        "model": registry.models(),
        "dataset": registry.datasets(),
        "suite": registry.suite_paths(),
        "measurement": registry.measurements(),
        "preset": presets.PRESETS,
    }
    lines = listed(capsys, *(name for names in known.values() for name in names)).splitlines()
    for kind, names in known.items():
        for name in names:
            assert f"{kind} {name}" in lines


def test_the_models_whose_rows_are_marked_as_approximate_are_called_so(capsys) -> None:
    marked = {row.model for row in registry.suite("rivals").rows if row.approximate}
    abouts = json.loads(listed(capsys, "--json"))["models"]
    assert {name for name, about in abouts.items() if "approximate" in about} == marked
    assert abouts["m3d_two_stream"] == "m3d with two_stream=True; approximate."
    for name in marked:
        assert f"{abouts[name]}\n" in listed(capsys, name)


def test_what_a_suite_is_called_cannot_command_the_terminal(tmp_path: Path, capsys) -> None:
    path = tmp_path / "evil.py"
    path.write_text(
        '"""Evil \\x1b]0;x\\x07 suite."""\nfrom reidbench.spec import Column, Row, Suite\n'
        'SUITE = Suite("T", (Row("A \\x1b[2J", "baseline"),), (Column("complexity.params"),), "A \\x1b[2J")\n'
    )
    for names in ((), ("evil",)):
        said = listed(capsys, *names, "--plugin", str(path))
        assert "\x1b" not in said and "Evil \\x1b]0;x\\x07 suite" in said
    assert "A \\x1b[2J" in said


def test_what_has_no_default_is_required(tmp_path: Path, capsys) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from reidbench.registry import dataset\n\n@dataset\ndef mine(part): ...\n")
    assert "  part  (required)\n" in listed(capsys, "mine", "--plugin", str(path))


def test_the_protocol_of_the_release_is_told_for_rows_with_clips_of_any_length(capsys) -> None:
    about = json.loads(listed(capsys, "--json"))["protocols"]["release"]
    assert "clips as long as those that the row was trained with" in about and "8-frame" not in about


def test_on_a_terminal_paragraphs_and_tables_are_wrapped_and_commands_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["list", "bicnet_tks", "accuracy", "quick", "table2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 60 or line.startswith("python ") for line in lines)
    assert any(line.startswith("python bench.py table2 ") and len(line) > 60 for line in lines)
    (mean,) = (i for i, line in enumerate(lines) if line.startswith("  mAP "))
    assert lines[mean + 1].startswith(" " * 16) and lines[mean + 1].strip(), "beside the first"
