"""What the committed reports show beside them is committed too."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
REPORTS = sorted((ROOT / "results").rglob("*.md"))


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.stem)
def test_every_picture_and_link_of_a_report_leads_to_a_file_that_git_knows(report: Path) -> None:
    answer = subprocess.run(["git", "ls-files", report.parent], cwd=ROOT, capture_output=True, text=True, check=True)
    known = {ROOT / line for line in answer.stdout.splitlines()}
    targets = re.findall(r"(?<!\\)\]\(([^)#:]+)(?:#[^)]*)?\)", report.read_text())
    lost = [target for target in targets if (report.parent / unquote(target)).resolve() not in known]
    assert not lost


def test_there_are_reports_with_pictures() -> None:
    assert sum("![" in report.read_text() for report in REPORTS) > 10
