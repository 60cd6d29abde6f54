"""A run whose history is away for a while: it waits, and everything is written once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dagu.errors import DaguError, HistoryUnreachable, UsageError
from dagu.history.ownership import RunLocks
from dagu.history.records import AttemptRecord, RunRecord, Status, StepRecord
from dagu.history.store import History
from dagu.run.records import patience
from dagu.run.records.patience import Patience, PatientStore
from dagu.run.steps import attempt as attempts

if TYPE_CHECKING:
    from .conftest import Runs

RUN = RunRecord(run_id="r1", workflow="w", status=Status.RUNNING, started_at=1.0, attempt_id="a")
HANG = 30.0


class Distant(History):
    """A history that can be away, and whose answers can be lost."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.away = False
        self.silent = False
        self._real = self._database.transaction
        self._database.transaction = self._through  # type: ignore[method-assign, assignment]

    @contextmanager
    def _through(self, *, write: bool = True) -> Iterator[Any]:
        if self.away:
            raise HistoryUnreachable("nobody answers")
        outermost = not self._database._depth
        with self._real(write=write) as connection:
            yield connection
        if outermost and self.silent:
            self.silent = False
            raise HistoryUnreachable("the answer was lost")


@pytest.fixture
def history(tmp_path: Path) -> Iterator[Distant]:
    with Distant(tmp_path) as opened, RunLocks(tmp_path).acquire("r1"):
        opened.add_run(RUN)
        yield opened


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_PAUSE", 0.01)


class Told:
    """What the run was told; :meth:`until` waits for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def until(self, part: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: any(part in line for line in self.lines), HANG), self.lines


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def waiting() -> Patience:
    return Patience()


@pytest.fixture
def store(history: Distant, waiting: Patience, told: Told) -> PatientStore:
    found = PatientStore(history, waiting)
    found.tell = told
    return found


def step(name: str, **changes: Any) -> StepRecord:
    return StepRecord(run_id="r1", name=name, index=0, **changes)


def attempt(status: Status, name: str = "s") -> AttemptRecord:
    return AttemptRecord(run_id="r1", step=name, number=1, status=status, started_at=1.0)


def event(store: PatientStore, at: float) -> None:
    store.add_agent_event("r1", "s", 1, "text", "{}", at)


def aside(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_what_waits_is_written_when_the_database_is_back(
    store: PatientStore, history: Distant, told: Told
) -> None:
    history.away = True

    def one_thread_of_a_run() -> None:
        event(store, 1.0)
        event(store, 2.0)
        store.save_attempt(attempt(Status.RUNNING))
        store.save_step(step("s", status=Status.RUNNING))
        event(store, 3.0)
        store.save_attempt(attempt(Status.SUCCEEDED))
        store.update_run("r1", error="why")

    thread = aside(one_thread_of_a_run)
    told.until("database is away")
    thread.join(0.1)
    assert thread.is_alive()
    history.away = False
    thread.join(HANG)
    told.until("database is back")
    found = history.run("r1")
    assert (found.error, found.steps[0].attempts) == ("why", (attempt(Status.SUCCEEDED),))
    assert [one.at for one in history.agent_events("r1")] == [1.0, 2.0, 3.0]
    assert told.lines == [
        "the database is away; the run goes on when it is back (nobody answers)",
        "the database is back",
    ]


def test_who_reads_an_agents_events_is_not_held_up(
    store: PatientStore, history: Distant, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "MOST", 3)
    history.away = True
    for number in range(3):
        event(store, float(number))
    fourth = aside(lambda: event(store, 3.0))
    fourth.join(0.1)
    assert fourth.is_alive()  # what waits is in memory
    history.away = False
    fourth.join(HANG)
    assert [one.at for one in history.agent_events("r1")] == [0.0, 1.0, 2.0, 3.0]
    told.until("database is back")


def test_what_was_not_answered_is_written_once(store: PatientStore, history: Distant) -> None:
    history.silent = True
    event(store, 1.0)
    store.save_step(step("s"))
    history.silent = True
    store.add_run(
        RunRecord(run_id="child", workflow="c", status=Status.RUNNING, started_at=1.0, root_id="r1")
    )
    history.silent = True
    store.add_run(RunRecord(run_id="queued", workflow="q", status=Status.QUEUED, started_at=1.0, queue="q"))
    history.silent = True
    with store.transaction():
        store.save_step(step("t"))
        event(store, 2.0)
        store.save_attempt(attempt(Status.RUNNING, "t"))
    assert [one.at for one in history.agent_events("r1")] == [1.0, 2.0]
    assert [one.name for one in history.run("r1").steps] == ["s", "t"]
    assert history.count(root_id="r1") == 1
    assert history.status("queued") is Status.QUEUED


def test_a_transaction_that_waits_is_one_moment(store: PatientStore, history: Distant, told: Told) -> None:
    history.away = True

    def together() -> None:
        with store.transaction():
            store.save_step(step("a"))
            store.save_step(step("b"))

    thread = aside(together)
    told.until("database is away")
    history.away = False
    thread.join(HANG)
    assert len(history.run("r1").steps) == 2
    with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012
        store.save_step(step("c"))
        raise ZeroDivisionError
    assert len(history.run("r1").steps) == 2


def test_fifty_steps_end_at_once(store: PatientStore, history: Distant, told: Told) -> None:
    history.away = True
    with ThreadPoolExecutor(50) as pool:
        ends = [pool.submit(store.save_step, step(f"s{number}")) for number in range(50)]
        told.until("database is away")
        history.away = False
        for end in ends:
            end.result(HANG)
    told.until("database is back")
    assert len(history.run("r1").steps) == 50
    assert len(told.lines) == 2


def test_an_id_that_was_taken_before_is_refused(store: PatientStore, history: Distant, told: Told) -> None:
    history.away = True

    def come_back() -> None:
        told.until("database is away")
        history.away = False

    thread = aside(come_back)
    with pytest.raises(UsageError, match="r1 is taken"):
        store.add_run(replace(RUN, attempt_id="another"))
    thread.join(HANG)


def test_who_wants_it_to_end_ends_the_waiting(
    store: PatientStore, history: Distant, waiting: Patience, told: Told
) -> None:
    store.save_step(step("s", status=Status.RUNNING))
    history.away = True
    event(store, 1.0)
    threads = [aside(lambda: store.save_step(step("s", status=Status.ABORTED))) for _ in range(5)]
    told.until("database is away")
    waiting.end(60)
    began = time.monotonic()
    waiting.end(0)
    for thread in threads:
        thread.join(HANG)
    assert time.monotonic() - began < HANG
    told.until("counts as interrupted")
    history.away = False
    # Nothing comes after what was left out.
    store.update_run("r1", status=Status.ABORTED)
    found = history.run("r1")
    assert (found.status, found.steps[0].status) == (Status.RUNNING, Status.RUNNING)
    assert history.agent_events("r1") == []
    assert len(told.lines) == 2


def test_errors_reach_who_writes(store: PatientStore, history: Distant, told: Told) -> None:
    history.away = True
    errors: list[DaguError] = []

    def write() -> None:
        try:
            store.update_run("nope", error="x")
        except DaguError as error:
            errors.append(error)

    thread = aside(write)
    told.until("database is away")
    history.away = False
    thread.join(HANG)
    assert "nope" in str(errors[0])


def test_an_error_of_what_nobody_waited_for_is_told_by_the_next_write(
    store: PatientStore, history: Distant, told: Told
) -> None:
    history.away = True
    store.add_agent_event("nope", "s", 1, "text", "{}", 1.0)
    history.away = False
    told.until("database is back")
    with pytest.raises(Exception, match="FOREIGN KEY"):
        store.save_step(step("s"))
    store.save_step(step("s"))
    assert len(history.run("r1").steps) == 1


def test_a_step_has_its_time_after_it_is_recorded(run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        ahead = 0.0
        time = staticmethod(time.time)

        def monotonic(self) -> float:
            return time.monotonic() + self.ahead

    clock = Clock()
    monkeypatch.setattr(attempts, "time", clock)
    save = History.save_attempt

    def slowly(history: History, record: AttemptRecord) -> None:
        clock.ahead += 1000.0
        save(history, record)

    monkeypatch.setattr(History, "save_attempt", slowly)
    assert run("steps: [{id: a, run: sleep 1, timeout_sec: 60}]").status is Status.SUCCEEDED
