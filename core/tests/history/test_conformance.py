"""The history of a home directory passes the kit of history stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu.history.ownership import RunLocks
from dagu.history.store import History
from dagu.testing import HistoryConformance
from dagu.testing.history_kit.frame import Opener, Owning


class TestHistory(HistoryConformance):
    @pytest.fixture
    def opened(self, tmp_path: Path) -> Opener:
        return lambda: History(tmp_path)

    @pytest.fixture
    def owned(self, tmp_path: Path) -> Owning:
        return lambda run_id: RunLocks(tmp_path).acquire(run_id)
