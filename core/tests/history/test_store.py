"""What of the store of a home directory is its own: SQLite, and locks. The rest is in the conformance kit."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagu.errors import DaguError
from dagu.history.ownership import RunLocks
from dagu.history.records import AttemptRecord, RunRecord, Status, StepRecord
from dagu.history.store import History


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path) as opened:
        yield opened


def run(run_id: str, *, started_at: float = 1000.0, **changes: object) -> RunRecord:
    values: dict[str, object] = {"workflow": "build", "status": Status.SUCCEEDED} | changes
    return RunRecord(run_id=run_id, started_at=started_at, **values)  # type: ignore[arg-type]


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


class TestInterrupted:
    def add(self, history: History, **changes: object) -> None:
        values: dict[str, object] = {"status": Status.RUNNING, "attempt_id": "a1"} | changes
        history.add_run(run("r1", **values))  # type: ignore[arg-type]
        for index, status in enumerate((Status.SUCCEEDED, Status.RUNNING, Status.NOT_STARTED)):
            history.save_step(StepRecord(run_id="r1", name=f"s{index}", index=index, status=status))
        history.save_attempt(
            AttemptRecord(run_id="r1", step="s1", number=1, status=Status.RUNNING, started_at=1.0)
        )

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
        pages = history._database._connection.execute("PRAGMA page_count").fetchone()["page_count"]
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
