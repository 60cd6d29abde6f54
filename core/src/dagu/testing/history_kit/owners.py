"""Runs whose owner is gone."""

from __future__ import annotations

from typing import Any

from dagu.contracts.history import GONE, HistoryStore
from dagu.contracts.records import AttemptRecord, Status, StepRecord
from dagu.testing.history_kit.frame import Kit, Opener, Owning, a_run


def _add(store: HistoryStore, **changes: Any) -> None:
    store.add_run(a_run("r1", status=Status.RUNNING, attempt_id="a1", **changes))
    for index, status in enumerate((Status.SUCCEEDED, Status.RUNNING, Status.NOT_STARTED)):
        store.save_step(StepRecord(run_id="r1", name=f"s{index}", index=index, status=status))
    store.save_attempt(AttemptRecord(run_id="r1", step="s1", number=1, status=Status.RUNNING, started_at=1.0))


class Owners(Kit):
    """A run lives as long as its owner does."""

    def test_a_run_without_owner_is_stored_as_interrupted(self, store: HistoryStore, opened: Opener) -> None:
        _add(store)
        assert [found.status for found in store.runs()] == [Status.INTERRUPTED]
        with opened() as other:
            found = other.run("r1")
        assert (found.status, found.error) == (Status.INTERRUPTED, GONE)
        assert [step.status for step in found.steps] == [
            Status.SUCCEEDED,
            Status.INTERRUPTED,
            Status.NOT_STARTED,
        ]
        attempt = found.steps[1].attempts[0]
        assert (attempt.status, attempt.reason) == (Status.INTERRUPTED, GONE)

    def test_an_owned_run_is_left_alone(self, store: HistoryStore, owned: Owning) -> None:
        with owned("r1"):
            _add(store)
            assert store.run("r1").status is Status.RUNNING
        assert store.status("r1") is Status.INTERRUPTED

    def test_a_child_lives_as_long_as_its_root(self, store: HistoryStore, owned: Owning) -> None:
        with owned("root"):
            _add(store, root_id="root")
            assert store.run("r1").status is Status.RUNNING
        assert store.count(root_id="root", status=Status.INTERRUPTED) == 1
