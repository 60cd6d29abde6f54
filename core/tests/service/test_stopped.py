"""Runs that were stopped with their service."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu.errors import DaguError
from dagu.service.stopped import StoppedRuns


def test_what_is_noted_is_taken_once(tmp_path: Path) -> None:
    stopped = StoppedRuns(tmp_path / "home")
    assert stopped.take() == {}
    stopped.note({})
    assert not (tmp_path / "home").exists()
    stopped.note({"r1": "a1", "r2": "a2"})
    assert StoppedRuns(tmp_path / "home").take() == {"r1": "a1", "r2": "a2"}
    assert stopped.take() == {}


@pytest.mark.parametrize("text", ["", "[]", "{", "7"])
def test_a_damaged_file_is_told_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "stopped.json").write_text(text)
    with pytest.raises(DaguError, match=r"stopped\.json was damaged"):
        StoppedRuns(tmp_path).take()
    assert StoppedRuns(tmp_path).take() == {}
