"""What comes home: records as they change, and output to where it belongs."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagu.contracts.history import HistoryStore
from dagu.contracts.records import AttemptRecord, RunRecord, Status, StepRecord
from dagu.history.ownership import RunLocks
from dagu.history.store import History
from dagu_postgres_queue.collector import Collector
from dagu_postgres_queue.mirror import Mirror
from dagu_postgres_queue.outgoing import Transfer
from dagu_postgres_queue.streams import Streams


class Sent:
    """A connection that only remembers what was sent."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, str, int, bytes]] = []

    def execute(self, query: str, values: tuple[Any, ...]) -> None:
        if "dagu_chunks" in query:
            _, path, kind, offset, _, data = values
            self.pieces.append((path, kind, offset, data))

    def round(self, transfers: Iterable[Transfer]) -> list[tuple[str, int, bytes]]:
        """Send all of them; what that was."""
        before = len(self.pieces)
        for transfer in transfers:
            while not transfer.done:
                transfer.send(self)  # type: ignore[arg-type]
                transfer.sent()
        return [(path, offset, data) for path, _, offset, data in self.pieces[before:]]


QUEUED = RunRecord(
    run_id="r1", workflow="w", status=Status.QUEUED, started_at=1.0, file="/srv/w.yaml", queue="q", priority=3
)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[HistoryStore, HistoryStore]]:
    with History(tmp_path / "here") as here, History(tmp_path / "home") as home:
        locks = RunLocks(tmp_path / "here"), RunLocks(tmp_path / "home")
        with locks[0].acquire("r1"), locks[1].acquire("r1"):
            yield here, home


def push(mirror: Mirror) -> None:
    runs = mirror.runs()
    mirror.push(runs)
    mirror.pushed(runs)


def test_what_changes_goes_home(stores: tuple[HistoryStore, HistoryStore]) -> None:
    here, home = stores
    home.add_run(QUEUED)
    here.add_run(replace(QUEUED, file=""))
    here.add_agent_event("r1", "a", 1, "text", '"of an attempt before"', 1.0)
    mirror = Mirror(here, home, QUEUED, "worker-1")
    assert not mirror.begun(mirror.runs()[0])

    here.update_run("r1", status=Status.RUNNING, attempt_id="x")
    here.save_step(StepRecord(run_id="r1", name="a", index=0, status=Status.RUNNING))
    attempt = AttemptRecord(run_id="r1", step="a", number=1, status=Status.RUNNING, started_at=2.0)
    here.save_attempt(attempt)
    here.add_agent_event("r1", "a", 1, "text", '"one"', 2.0)
    here.add_run(RunRecord(run_id="c1", workflow="c", status=Status.RUNNING, started_at=2.0, root_id="r1"))
    assert mirror.begun(mirror.runs()[0])
    push(mirror)
    found = home.run("r1")
    assert (found.status, found.worker_id, found.file) == (Status.RUNNING, "worker-1", "/srv/w.yaml")
    assert (found.queue, found.priority) == ("q", 3)
    assert found.steps[0].attempts == (attempt,)
    assert home.run("c1").worker_id == "worker-1"
    assert [event.payload for event in home.agent_events("r1")] == ['"one"']

    here.save_attempt(replace(attempt, status=Status.SUCCEEDED))
    here.add_agent_event("r1", "a", 1, "text", '"two"', 3.0)
    push(mirror)
    push(mirror)
    assert home.run("r1").steps[0].attempts[0].status is Status.SUCCEEDED
    assert [event.payload for event in home.agent_events("r1")] == ['"one"', '"two"']


def test_what_was_not_kept_is_pushed_again(stores: tuple[HistoryStore, HistoryStore]) -> None:
    here, home = stores
    home.add_run(QUEUED)
    here.add_run(replace(QUEUED, status=Status.RUNNING, attempt_id="x"))
    here.save_step(StepRecord(run_id="r1", name="a", index=0))
    here.add_agent_event("r1", "a", 1, "text", "{}", 1.0)
    mirror = Mirror(here, home, QUEUED, "worker-1")
    here.add_agent_event("r1", "a", 1, "text", '"new"', 1.0)
    with pytest.raises(ZeroDivisionError), home.transaction():  # noqa: PT012
        mirror.push(mirror.runs())
        raise ZeroDivisionError
    assert home.run("r1").steps == ()
    push(mirror)
    assert len(home.run("r1").steps) == 1
    assert [event.payload for event in home.agent_events("r1")] == ['"new"']


def test_what_was_kept_without_an_answer_is_not_doubled(stores: tuple[HistoryStore, HistoryStore]) -> None:
    here, home = stores
    home.add_run(QUEUED)
    here.add_run(replace(QUEUED, status=Status.RUNNING, attempt_id="x"))
    mirror = Mirror(here, home, QUEUED, "worker-1")
    here.add_run(RunRecord(run_id="c1", workflow="c", status=Status.RUNNING, started_at=2.0, root_id="r1"))
    here.add_agent_event("r1", "a", 1, "text", '"one"', 1.0)
    mirror.push(mirror.runs())
    here.add_agent_event("r1", "a", 1, "text", '"two"', 2.0)
    push(mirror)
    assert [event.payload for event in home.agent_events("r1")] == ['"one"', '"two"']
    assert home.count(root_id="r1") == 1


def test_output_is_written_where_it_belongs(tmp_path: Path) -> None:
    collector = Collector({}, tmp_path, threading.Event())
    collector._write("logs/w/r1/a.1.stdout", "more", 0, b"one")
    collector._write("logs/w/r1/a.1.stdout", "more", 3, b" two")
    collector._write("logs/w/r1/a.1.stdout", "more", 0, b"one")  # once more
    assert (tmp_path / "logs/w/r1/a.1.stdout").read_bytes() == b"one two"
    (tmp_path / "logs/w/r1/link").symlink_to(tmp_path / "elsewhere")
    for path in ("../x", "logs/../../x", "/etc/x", "history.db", "dags/w/x.yaml", "logs/../dags/x.yaml"):
        collector._write(path, "more", 0, b"bad")
    assert {file.name for file in tmp_path.rglob("*") if file.is_file()} == {"a.1.stdout"}
    with pytest.raises(Exception, match="can't be written"):
        collector._write("logs/w/r1/link", "more", 0, b"bad")
    assert not (tmp_path / "elsewhere").exists()


def test_only_output_is_sent(tmp_path: Path) -> None:
    logs = tmp_path / "logs" / "w" / "r1"
    logs.mkdir(parents=True)
    for name in ("a.1.stdout", "a.1.stderr", "run.log", "a.1.output", "a.1.container"):
        (logs / name).write_text("x")
    (logs / "b.1.stdout").symlink_to("/etc/hostname")
    (logs / "empty.1.stdout").touch()
    streams = Streams(tmp_path, "r1")
    sent = Sent()
    assert sent.round(streams.added(logs)) == [
        ("logs/w/r1/a.1.stderr", 0, b"x"),
        ("logs/w/r1/a.1.stdout", 0, b"x"),
        ("logs/w/r1/empty.1.stdout", 0, b""),
        ("logs/w/r1/run.log", 0, b"x"),
    ]
    assert sent.round(streams.added(logs)) == []
    with (logs / "run.log").open("a") as log:
        log.write("more")
    assert sent.round(streams.added(logs)) == [("logs/w/r1/run.log", 1, b"more")]
