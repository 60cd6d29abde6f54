"""The frame of the kit: the fixtures to fill in, and what the cases share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from dagu.contracts.history import HistoryStore
from dagu.contracts.records import RunRecord, Status

Opener = Callable[[], HistoryStore]
Owning = Callable[[str], AbstractContextManager[object]]


def a_run(run_id: str, **changes: Any) -> RunRecord:
    """A run that ended well, but for the changes."""
    values: dict[str, Any] = {"workflow": "build", "status": Status.SUCCEEDED, "started_at": 1000.0}
    return RunRecord(run_id=run_id, **(values | changes))


class Kit:
    """Base of every part of the kit."""

    @pytest.fixture
    def opened(self) -> Opener:
        """Opens the store of this test: the same history each time, empty at first."""
        raise NotImplementedError("give the kit a fixture `opened`")

    @pytest.fixture
    def owned(self) -> Owning:
        """Makes a context manager in which a run of that id has an owner that lives."""
        raise NotImplementedError("give the kit a fixture `owned`")

    @pytest.fixture
    def store(self, opened: Opener) -> Iterator[HistoryStore]:
        """A store that is closed at the end."""
        with opened() as store:
            yield store
