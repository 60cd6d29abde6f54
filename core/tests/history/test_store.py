"""The history store: what goes in comes out, at once or not at all."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dagu.errors import DaguError, RunNotFound, UsageError
from dagu.history.ownership import RunLocks
from dagu.history.records import AttemptRecord, RunRecord, Status, StepRecord, UsageRecord
from dagu.history.store import History


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path) as opened:
        yield opened


def run(run_id: str, *, started_at: float = 1000.0, **changes: object) -> RunRecord:
    values: dict[str, object] = {"workflow": "build", "status": Status.SUCCEEDED} | changes
    return RunRecord(run_id=run_id, started_at=started_at, **values)  # type: ignore[arg-type]


def test_a_run_comes_back_as_it_was(history: History) -> None:
    attempts = (
        AttemptRecord(
            run_id="r1",
            step="ask",
            number=1,
            status=Status.FAILED,
            started_at=1.5,
            finished_at=2.5,
            exit_code=3,
            reason="exit status 3",
        ),
        AttemptRecord(
            run_id="r1",
            step="ask",
            number=2,
            status=Status.SUCCEEDED,
            started_at=3.0,
            place="container",
            provider="codex",
            model="m",
            session_id="s",
            usage=UsageRecord(input=10, cached=4, output=2, cost_usd=0.25),
        ),
    )
    steps = (
        StepRecord(run_id="r1", name="ask", index=0, id="ask", status=Status.SUCCEEDED, attempts=attempts),
        StepRecord(run_id="r1", name="after", index=1, outputs={"a": [1, {"b": None}]}, error="ü"),
    )
    stored = run(
        "r1", params='{"a":"1"}', labels={"team": "x", "flag": ""}, source="steps: []\n", steps=steps
    )
    history.add_run(stored)
    assert history.run("r1") == stored


def test_steps_come_in_file_order(history: History) -> None:
    history.add_run(run("r1"))
    for index, name in ((2, "a"), (0, "z"), (1, "m")):
        history.save_step(StepRecord(run_id="r1", name=name, index=index))
    assert [step.name for step in history.run("r1").steps] == ["z", "m", "a"]


def test_saving_again_replaces(history: History) -> None:
    history.add_run(run("r1"))
    history.save_step(StepRecord(run_id="r1", name="a", index=0))
    history.save_step(StepRecord(run_id="r1", name="a", index=0, status=Status.FAILED, error="no"))
    assert [(step.status, step.error) for step in history.run("r1").steps] == [(Status.FAILED, "no")]


def test_an_id_is_taken_once(history: History) -> None:
    history.add_run(run("r1"))
    with pytest.raises(UsageError, match="run id r1 is taken"):
        history.add_run(run("r1", workflow="other"))
    assert history.run("r1").workflow == "build"


def test_a_changed_run(history: History) -> None:
    history.add_run(run("r1"))
    history.update_run("r1", status=Status.FAILED, error="why", labels={"a": "b"})
    changed = history.run("r1")
    assert (changed.status, changed.error, dict(changed.labels)) == (Status.FAILED, "why", {"a": "b"})
    history.save_run(run("r1", attempt=2))
    assert history.run("r1").attempt == 2


def test_unknown_runs_and_fields(history: History) -> None:
    with pytest.raises(RunNotFound, match="'nope'"):
        history.run("nope")
    with pytest.raises(RunNotFound):
        history.update_run("nope", error="x")
    history.add_run(run("r1"))
    with pytest.raises(TypeError, match="colour"):
        history.update_run("r1", colour="red")


def test_lists_are_newest_first_and_filtered(history: History) -> None:
    history.add_run(run("aa-1", started_at=1))
    history.add_run(run("bb-2", started_at=3, workflow="other"))
    history.add_run(run("aa-3", started_at=2, status=Status.FAILED, source="text"))
    history.add_run(run("aa-4", started_at=2))
    history.add_run(run("child", started_at=9, root_id="aa-1"))

    def ids(**filters: object) -> list[str]:
        return [found.run_id for found in history.runs(**filters)]  # type: ignore[arg-type]

    assert ids() == ["bb-2", "aa-4", "aa-3", "aa-1"]
    assert ids(limit=2) == ["bb-2", "aa-4"]
    assert ids(limit=None, workflow="build") == ["aa-4", "aa-3", "aa-1"]
    assert ids(run_id_part="a-") == ["aa-4", "aa-3", "aa-1"]
    assert ids(run_id_part="%") == []
    assert ids(since=2.5) == ["bb-2"]
    assert ids(status=Status.FAILED) == ["aa-3"]
    assert ids(status=[Status.FAILED, Status.ABORTED]) == ["aa-3"]
    assert ids(root_id="aa-1") == ["child"]
    assert [found.source for found in history.runs()] == [""] * 4
    latest = history.latest("build")
    assert latest is not None
    assert latest.run_id == "aa-4"
    assert history.latest("never") is None


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM runs WHERE root_id = '' ORDER BY started_at DESC, id DESC LIMIT 100",
        "SELECT * FROM runs WHERE root_id = '' AND workflow = 'x' ORDER BY started_at DESC, id DESC LIMIT 1",
        "SELECT * FROM runs WHERE status = 'running'",
    ],
)
def test_lists_come_from_an_index(history: History, tmp_path: Path, query: str) -> None:
    del history
    connection = sqlite3.connect(tmp_path / "history.db")
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    connection.close()
    assert len(plan) == 1
    assert plan[0].startswith("SEARCH runs USING INDEX")


def test_a_transaction_is_all_or_nothing(history: History) -> None:
    history.add_run(run("r1"))
    with pytest.raises(ZeroDivisionError), history.transaction():  # noqa: PT012
        history.update_run("r1", error="half")
        history.save_step(StepRecord(run_id="r1", name="a", index=0))
        raise ZeroDivisionError
    assert history.run("r1") == run("r1")
    with history.transaction():
        history.update_run("r1", error="whole")
        assert history.run("r1").error == "whole"
    assert history.run("r1").error == "whole"


def test_many_threads_write(history: History) -> None:
    history.add_run(run("r1"))
    together = threading.Barrier(8)

    def work(number: int) -> None:
        together.wait()
        for index in range(25):
            name = f"s{number}-{index}"
            history.save_step(StepRecord(run_id="r1", name=name, index=index, status=Status.SUCCEEDED))
            history.run("r1")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(history.run("r1").steps) == 200


_ADD_RUNS = """
import sys
from pathlib import Path
from dagu.history.records import RunRecord, Status
from dagu.history.store import History
home, name = sys.argv[1:]
sys.stdin.read()
with History(Path(home)) as history:
    for n in range(20):
        history.add_run(RunRecord(
            run_id=f"{name}-{n}", workflow="w", status=Status.SUCCEEDED, started_at=n))
"""


def test_many_processes_create_and_write_one_database(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    processes = [
        subprocess.Popen([sys.executable, "-c", _ADD_RUNS, str(home), f"p{n}"], stdin=subprocess.PIPE)
        for n in range(6)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(timeout=120) for process in processes] == [0] * 6
    with History(home) as history:
        assert len(history.runs(limit=None)) == 120


def test_agent_events_and_usage(history: History) -> None:
    history.add_run(run("r1"))
    history.add_run(run("r2", workflow="other"))
    for run_id, number, usage, at in (
        ("r1", 1, UsageRecord(input=10, cached=1, output=2, cost_usd=0.5), 100.0),
        ("r1", 2, UsageRecord(input=5, output=1), 200.0),
        ("r1", 3, None, 200.0),
        ("r2", 1, UsageRecord(input=7), 300.0),
    ):
        attempt = AttemptRecord(
            run_id=run_id,
            step="s",
            number=number,
            status=Status.SUCCEEDED,
            started_at=at,
            provider="codex",
            model="m",
            usage=usage,
        )
        history.save_attempt(attempt)
    first, second = history.usage()
    assert (first.workflow, first.attempts, first.input, first.cached, first.output) == ("build", 2, 15, 1, 3)
    assert (first.cost_usd, first.without_cost) == (0.5, 1)
    assert (second.workflow, second.cost_usd, second.without_cost) == ("other", None, 1)
    assert [entry.input for entry in history.usage(since=150.0)] == [5, 7]
    assert [entry.input for entry in history.usage(workflow="other")] == [7]

    history.add_agent_event("r1", "s", 1, "text", '{"text":"hello"}', 5.0)
    history.add_agent_event("r1", "s", 2, "end", "{}", 6.0)
    assert [event.kind for event in history.agent_events("r1")] == ["text", "end"]
    assert [event.payload for event in history.agent_events("r1", "s", 1)] == ['{"text":"hello"}']


class TestInterrupted:
    def add(self, history: History, **changes: object) -> None:
        values: dict[str, object] = {"status": Status.RUNNING, "attempt_id": "a1"} | changes
        history.add_run(run("r1", **values))  # type: ignore[arg-type]
        for index, status in enumerate((Status.SUCCEEDED, Status.RUNNING, Status.NOT_STARTED)):
            history.save_step(StepRecord(run_id="r1", name=f"s{index}", index=index, status=status))
        history.save_attempt(
            AttemptRecord(run_id="r1", step="s1", number=1, status=Status.RUNNING, started_at=1.0)
        )

    def test_a_run_without_owner_is_stored_as_interrupted(self, history: History, tmp_path: Path) -> None:
        self.add(history)
        assert [found.status for found in history.runs()] == [Status.INTERRUPTED]
        with History(tmp_path) as other:
            found = other.run("r1")
        assert found.status is Status.INTERRUPTED
        assert [step.status for step in found.steps] == [
            Status.SUCCEEDED,
            Status.INTERRUPTED,
            Status.NOT_STARTED,
        ]
        assert found.steps[1].attempts[0].status is Status.INTERRUPTED
        assert "is gone" in found.error

    def test_an_owned_run_is_left_alone(self, history: History, tmp_path: Path) -> None:
        with RunLocks(tmp_path).acquire("r1"):
            self.add(history)
            assert history.run("r1").status is Status.RUNNING
        assert history.run("r1").status is Status.INTERRUPTED

    def test_a_child_lives_as_long_as_its_root(self, history: History, tmp_path: Path) -> None:
        with RunLocks(tmp_path).acquire("root"):
            self.add(history, root_id="root")
            assert history.run("r1").status is Status.RUNNING
        assert history.run("r1").status is Status.INTERRUPTED

    def test_a_retry_that_begins_meanwhile_is_left_alone(
        self, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.add(history)

        def look_just_before_the_retry(_locks: RunLocks, run_id: str) -> bool:
            history.update_run(run_id, attempt=2, attempt_id="a2")
            return False

        with RunLocks(tmp_path).acquire("r1"):
            monkeypatch.setattr(RunLocks, "is_alive", look_just_before_the_retry)
            history.runs()
            monkeypatch.undo()
            assert history.run("r1").status is Status.RUNNING

    def test_an_owner_that_ended_well_meanwhile_is_believed(
        self, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.add(history)

        def look_just_after_the_end(_locks: RunLocks, run_id: str) -> bool:
            history.update_run(run_id, status=Status.SUCCEEDED)
            return False

        monkeypatch.setattr(RunLocks, "is_alive", look_just_after_the_end)
        assert history.run("r1").status is Status.SUCCEEDED


class TestBroken:
    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "history.db").write_bytes(b"no database at all, just text" * 100)
        with pytest.raises(DaguError, match=r"(?s)history\.db: file is not a database.*move the file away"):
            History(tmp_path)

    def test_a_home_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("")
        with pytest.raises(DaguError, match="DAGU_HOME"):
            History(tmp_path / "home")

    def test_a_database_of_a_newer_dagu(self, tmp_path: Path) -> None:
        History(tmp_path).close()
        connection = sqlite3.connect(tmp_path / "history.db")
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        with pytest.raises(DaguError, match="newer dagu"):
            History(tmp_path)

    def test_a_full_disk(self, history: History) -> None:
        history.add_run(run("r1"))
        pages = history._database._connection.execute("PRAGMA page_count").fetchone()[0]
        history._database._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DaguError, match=r"(?s)disk is full.*free some space"):
            history.add_run(run("r2", source="x" * 1_000_000))
        assert [found.run_id for found in history.runs()] == ["r1"]

    def test_only_this_user_can_read(self, history: History, tmp_path: Path) -> None:
        history.add_run(run("r1"))
        assert {path.name: oct(path.stat().st_mode & 0o077) for path in tmp_path.glob("history.db*")} == {
            "history.db": "0o0",
            "history.db-wal": "0o0",
            "history.db-shm": "0o0",
        }
