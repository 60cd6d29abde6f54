"""The page on reliability is what the tests found, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import reliability


def test_the_page_is_made_of_the_results() -> None:
    assert (ROOT / "docs" / "reliability.md").read_text() == reliability.page()
