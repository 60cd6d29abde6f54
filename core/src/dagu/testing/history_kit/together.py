"""Several who read and write at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dagu.contracts.history import HistoryStore
from dagu.contracts.records import Status, StepRecord
from dagu.testing.history_kit.frame import Kit, Opener, a_run

PATIENCE = 60.0
"""Seconds until something that should happen counts as hanging."""


class Together(Kit):
    """Transactions, threads, several stores."""

    def test_a_transaction_is_all_or_nothing(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1"))
        with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012
            store.update_run("r1", error="half")
            store.save_step(StepRecord(run_id="r1", name="a", index=0))
            raise ZeroDivisionError
        assert store.run("r1") == a_run("r1")
        with store.transaction(), store.transaction():
            store.update_run("r1", error="whole")
            assert store.run("r1").error == "whole"
        assert store.run("r1").error == "whole"

    def test_others_see_a_transaction_when_it_ends(self, store: HistoryStore, opened: Opener) -> None:
        store.add_run(a_run("r1"))
        with opened() as other:
            with store.transaction():
                store.update_run("r1", error="new")
                assert other.run("r1").error == ""
            assert other.run("r1").error == "new"

    def test_a_failure_inside_leaves_the_store_usable(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1"))
        with pytest.raises(Exception, match="taken"):
            store.add_run(a_run("r1"))
        store.add_run(a_run("r2"))
        assert store.count() == 2

    def test_many_threads(self, store: HistoryStore) -> None:
        store.add_run(a_run("r1"))
        together = threading.Barrier(8)

        def work(number: int) -> None:
            together.wait()
            for index in range(25):
                name = f"s{number}-{index}"
                store.save_step(StepRecord(run_id="r1", name=name, index=index, status=Status.SUCCEEDED))
                store.run("r1")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert len(store.run("r1").steps) == 200

    def test_many_stores_are_opened_at_once(self, opened: Opener) -> None:
        together = threading.Barrier(6)

        def work(name: int) -> None:
            together.wait()
            with opened() as store:
                for number in range(20):
                    store.add_run(a_run(f"p{name}-{number}", started_at=number))

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(6)))
        with opened() as store:
            assert len(store.runs(limit=None)) == 120

    def test_one_of_several_ends_what_waits(self, store: HistoryStore, opened: Opener) -> None:
        store.add_run(a_run("r1", status=Status.QUEUED))
        together = threading.Barrier(4)

        def work(number: int) -> bool:
            with opened() as other:
                together.wait()
                return other.end_queued("r1", Status.ABORTED, f"by {number}", 1.0)

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(work, range(4))) == 1

    def test_changes_of_others_are_told(self, store: HistoryStore, opened: Opener) -> None:
        stop, ready, told = threading.Event(), threading.Event(), threading.Event()
        watching = threading.Thread(target=store.watch, args=(stop, ready.set, told.set))
        watching.start()
        try:
            assert ready.wait(PATIENCE)
            told.clear()
            with opened() as other:
                other.add_run(a_run("r1"))
                assert told.wait(PATIENCE)
                other.save_step(StepRecord(run_id="r1", name="a", index=0))
                told.clear()
                other.add_agent_event("r1", "a", 1, "text", "{}", 1.0)
                assert told.wait(PATIENCE)
        finally:
            stop.set()
            watching.join(PATIENCE)
        assert not watching.is_alive()

    def test_closing_twice(self, opened: Opener) -> None:
        store = opened()
        store.close()
        store.close()
