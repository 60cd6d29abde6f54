"""The database is away while runs of the server's own machine go on: they wait for it, and everything is kept once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path

import pytest
from workers_postgres import Postgres
from workers_proxy import Proxy
from workers_site import DAGU, Process, Seen, Site, descendants, enqueue, until

from dagu.contracts.records import RunRecord, Status, StepRecord
from dagu.history.ownership import RunLocks
from dagu.run.records.patience import Patience, PatientStore
from dagu_postgres_queue import database
from dagu_postgres_queue.database import Database, Unreachable
from dagu_postgres_queue.history import PostgresHistory
from dagu_postgres_queue.place import place_of

SHORT, LONG = 2, 50
"""Seconds."""

AWAY = "the database is away; the run goes on when it is back"

# Steps that end at once, an agent that says one number after the other meanwhile, a child.
STEPS = """
type: graph
steps:
  - id: early
    run: |
      touch "$SITE/began"
      while [ ! -e "$SITE/early" ]; do sleep 0.05; done
  - id: agent
    action: harness.run
    with: {provider: codex, prompt: count}
  - id: after
    depends: early
    run: touch "$SITE/after"
  - id: child
    depends: early
    action: dag.run
    with: {dag: inner}
%s
handler_on:
  exit: {run: touch "$SITE/handled"}
---
name: inner
steps:
  - id: deep
    run: echo deep
"""

CODEX = """#!/bin/sh
number=0
while [ ! -e "$SITE/said" ]; do
  number=$((number + 1))
  echo '{"type": "item.completed", "item": {"type": "agent_message", "text": "'$number'"}}'
  echo $number > "$SITE/number"
  sleep 0.05
done
echo '{"type": "turn.completed", "usage": {"input_tokens": 7, "output_tokens": 5}}'
"""


SLEEPS = """
steps:
  - id: long
    run: |
      trap 'touch "$SITE/stopped"; exit 1' TERM
      touch "$SITE/began"
      while :; do sleep 0.05 || true; done
handler_on:
  exit: {run: touch "$SITE/handled"}
"""


@pytest.fixture(scope="module")
def private() -> Iterator[Postgres]:
    """A server that may be killed."""
    found = Postgres()
    yield found
    found.close()


@pytest.fixture
def place(private: Postgres, tmp_path: Path) -> Iterator[Site]:
    """A database of its own there."""
    name = f"d{time.time_ns()}"
    private.create(name)
    found = Site(private, name, tmp_path / "site")
    yield found
    found.close()


def start(site: Site, text: str, **more: str) -> Process:
    """``dagu start``, as soon as its first step runs."""
    file = site.directory / "w.yaml"
    file.write_text(text)
    env = site.env(site.home, DAGU_ENV_PASSTHROUGH="SITE", **more)
    process = Process("run", [str(DAGU), "start", str(file), "--run-id", "r1"], env, site.directory / "log")
    site.processes.append(process)
    until(lambda: site.file("began").exists() or not process.alive, what="it begins")
    assert process.alive, process.text()
    return process


def number(site: Site) -> int:
    """How far the agent has counted."""
    return int(site.file("number").read_text() or 0)


@pytest.mark.parametrize("seconds", [SHORT, pytest.param(LONG, id="down_for_50_seconds")])
def test_a_run_waits_for_the_database(place: Site, seconds: int, seen: Seen) -> None:
    many = [
        f'  - id: s{each}\n    run: while [ ! -e "$SITE/early" ]; do sleep 0.1; done' for each in range(50)
    ]
    codex = place.directory / "bin" / "codex"
    codex.parent.mkdir()
    codex.write_text(CODEX)
    codex.chmod(0o755)
    path = f"{codex.parent}:{place.env(place.home)['PATH']}"
    process = start(place, STEPS % "\n".join(many), PATH=path)
    until(lambda: place.sql("SELECT count(*) FROM dagu_attempts") == "52", what="all steps run")
    place.postgres.stop()
    place.file("early").touch()  # 51 steps end
    until(lambda: AWAY in process.text(), what="it is told")
    counted = number(place)
    time.sleep(seconds)
    assert number(place) > counted  # the agent is not held up
    assert not place.file("after").exists()  # nothing begins that is not recorded
    place.postgres.start()
    until(place.file("after").exists, what="the run goes on")
    place.file("said").touch()
    assert process.wait() == 0, process.text()
    assert process.text().count(AWAY) == 1
    assert place.file("handled").exists()
    run = place.run("r1")
    assert {step["status"] for step in run["steps"]} == {"succeeded"}
    assert place.sql("SELECT count(*), count(DISTINCT step), max(number) FROM dagu_attempts") == "56|56|1"
    assert place.sql("SELECT status, count(*) FROM dagu_runs GROUP BY status") == "succeeded|2"
    said = place.sql("SELECT payload FROM dagu_agent_events WHERE kind = 'text' ORDER BY id").splitlines()
    assert [json.loads(each)["text"] for each in said] == [str(each + 1) for each in range(number(place))]
    assert place.sql("SELECT input, output FROM dagu_attempts WHERE step = 'agent'") == "7|5"
    if seconds == LONG:
        seen("local-database-down", seconds=seconds)


def test_a_run_that_is_stopped_while_it_waits_ends(place: Site) -> None:
    process = start(place, SLEEPS)
    until(lambda: place.sql("SELECT count(*) FROM dagu_attempts") == "1", what="its step is recorded")
    place.postgres.stop()
    process.signal(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM, process.text()
    assert place.file("stopped").exists(), process.text()
    assert place.file("handled").exists()
    assert "the run ends without it, and counts as interrupted" in process.text()
    # What only looks, or would begin, does not wait.
    for command in (("status", "--run-id", "r1"), ("history",), ("start", str(place.directory / "w.yaml"))):
        refused = place.command(*command, DAGU_DEBUG="0")
        assert refused.returncode == 75
        assert refused.stderr.startswith("Error: database ")
        assert len(refused.stderr.splitlines()) == 2  # with its hint
    place.postgres.start()
    run = place.run("r1")
    assert (run["status"], run["steps"][0]["status"]) == ("interrupted", "interrupted")


def test_a_run_that_is_stopped_while_the_database_is_frozen_ends(place: Site) -> None:
    process = start(place, SLEEPS)
    until(lambda: place.sql("SELECT count(*) FROM dagu_attempts") == "1", what="its step is recorded")
    server = int((place.postgres.data / "postmaster.pid").read_text().split()[0])
    frozen = [server, *descendants(server)]

    def tell(number: signal.Signals) -> None:
        for pid in frozen:
            with suppress(ProcessLookupError):  # it ended by itself
                os.kill(pid, number)

    tell(signal.SIGSTOP)
    try:
        process.signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM, process.text()
        assert place.file("handled").exists()
    finally:
        tell(signal.SIGCONT)
    assert place.run("r1")["status"] == "interrupted"


@pytest.mark.parametrize("late", [0.0, 1.0], ids=["was done", "is being done"])
def test_what_was_not_answered_is_kept_once(place: Site, tmp_path: Path, late: float) -> None:
    proxy = Proxy(place.postgres.port)
    environ = {"DAGU_DATABASE_URL": place.postgres.url(place.database, port=proxy.port)}
    locks = RunLocks(tmp_path)
    told: list[str] = []
    run = RunRecord(run_id="r1", workflow="w", status=Status.RUNNING, started_at=1.0, attempt_id="a")
    with (
        PostgresHistory(Database(environ), place_of(tmp_path), locks.is_alive) as history,
        locks.acquire("r1"),
    ):
        store = PatientStore(history, Patience())
        store.tell = told.append
        store.add_run(run)

        def lose_an_answer() -> None:
            proxy.cut, proxy.late = True, late

        lose_an_answer()
        store.add_agent_event("r1", "s", 1, "text", "{}", 1.5)
        store.save_step(StepRecord(run_id="r1", name="s", index=0))  # waits for both
        assert not proxy.cut
        lose_an_answer()
        with store.transaction():
            store.save_step(StepRecord(run_id="r1", name="t", index=1))
            store.add_agent_event("r1", "t", 1, "text", "{}", 2.5)
        lose_an_answer()
        store.add_run(
            RunRecord(run_id="c1", workflow="c", status=Status.RUNNING, started_at=1.0, root_id="r1")
        )
        assert [event.at for event in history.agent_events("r1")] == [1.5, 2.5]
        assert [step.name for step in history.run("r1").steps] == ["s", "t"]
        assert history.count(root_id="r1") == 1
    assert told.count("the database is back") == 3
    proxy.close()


LOCAL = """
worker_selector: local
queue: all
steps:
  - id: only
    run: |
      echo begun >> "$SITE/only.$DAG_RUN_ID"
      touch "$SITE/began"
      while [ ! -e "$SITE/gate" ]; do sleep 0.05; done
"""


def test_a_server_goes_on_after_an_outage(place: Site, seen: Seen) -> None:
    place.workflow("local", LOCAL)
    server = place.start_server(DAGU_ENV_PASSTHROUGH="SITE")
    first = place.enqueue("local")
    until(place.file("began").exists, what="a run is under way")
    others = enqueue(place, "local", 5)
    until(lambda: len(descendants(server.pid)) > 3, what="others are about to begin")
    place.postgres.stop()
    place.file("gate").touch()
    time.sleep(SHORT)
    place.postgres.start()
    for run_id in (first, *others, place.enqueue("local")):
        run = place.until_status(run_id, "succeeded", "failed", "interrupted")
        assert (run["status"], run["attempt"]) == ("succeeded", 1), run
        assert place.file(f"only.{run_id}").read_text() == "begun\n"
    assert server.alive
    assert server.text().count("the database is back") <= 1
    assert "Traceback" not in server.text()
    seen("server-database-down", seconds=SHORT)


def test_a_server_that_is_stopped_while_the_database_is_away_ends_its_runs(place: Site) -> None:
    place.workflow("sleeps", f"worker_selector: local\n{SLEEPS}")
    server = place.start_server(DAGU_ENV_PASSTHROUGH="SITE", DAGU_STOP_GRACE="0")
    run_id = place.enqueue("sleeps")
    until(lambda: place.sql("SELECT count(*) FROM dagu_attempts") == "1", what="its step is recorded")
    place.postgres.stop()
    server.signal(signal.SIGTERM)
    assert server.wait() == 0, server.text()
    assert place.file("handled").exists()
    assert "Traceback" not in server.text()
    place.postgres.start()
    assert place.run(run_id)["status"] == "interrupted"


def test_schedules_are_caught_up_with_when_the_database_was_down_for_90_seconds(
    place: Site, seen: Seen
) -> None:
    place.workflow(
        "minutely",
        """
worker_selector: local
schedule: "* * * * *"
catchup_window: 10m
steps: [{id: only, run: "true"}]
""",
    )
    server = place.start_server()

    def slots() -> list[float]:
        ended = "SELECT scheduled_at FROM dagu_runs WHERE status = 'succeeded' ORDER BY scheduled_at"
        return [float(line) for line in place.sql(ended).splitlines()]

    until(slots, what="its schedule is followed")
    place.postgres.stop()
    time.sleep(90)
    place.postgres.start()
    back = time.time()
    until(lambda: slots()[-1] > back, what="its schedule is followed again")
    found = slots()
    assert len(found) >= 3
    assert [later - earlier for earlier, later in pairwise(found)] == [60.0] * (len(found) - 1)
    assert server.alive
    seen("schedules-database-down")


def test_a_server_that_does_not_answer_counts_as_away(place: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "ANSWER_SECONDS", 0.5)
    with closing(Database({"DAGU_DATABASE_URL": place.url})) as found:
        with pytest.raises(Unreachable, match="no answer"), found.transaction() as connection:  # noqa: PT012
            frozen = connection.info.backend_pid
            os.kill(frozen, signal.SIGSTOP)
            connection.execute("SELECT 1")
        os.kill(frozen, signal.SIGCONT)
        with found.transaction() as connection:
            assert connection.info.backend_pid != frozen
