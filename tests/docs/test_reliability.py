"""The page on reliability is what the tests found, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import reliability

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_made_of_the_results() -> None:
    assert (ROOT / "docs" / "reliability.md").read_text() == reliability.page()
