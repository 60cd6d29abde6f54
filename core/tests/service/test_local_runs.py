"""Runs of this machine for a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dagu.contracts.records import Status
from dagu.contracts.shared import BEGIN
from dagu.errors import DaguError
from dagu.history.store import History
from dagu.service.enqueue import QueuedRun
from dagu.service.local_runs import HomeRuns

HANG = 60.0

WORKER = """
import sys
from pathlib import Path
from dagu.contracts.shared import BEGIN
from dagu.service.enqueue import QueuedRun
from dagu.service.local_runs import HomeRuns
import os
home, file = map(Path, sys.argv[1:])
runs = HomeRuns(home, os.environ)
run = QueuedRun(workflow="w", file=file, source=file.read_text(), run_id="r1").record()
runs.begin(run, BEGIN)
runs.wait("r1")
"""


def queued(text: str, **fields: str) -> QueuedRun:
    return QueuedRun(workflow="w", file=Path("/nowhere/w.yaml"), source=text, run_id="r1", **fields)  # type: ignore[arg-type]


def test_a_run_goes_by_its_text_where_its_file_is_not(tmp_path: Path) -> None:
    environ = {**os.environ, "DAGU_DATABASE_URL": "postgresql://nobody/nothing"}
    runs = HomeRuns(tmp_path, environ)
    text = "steps: [{id: a, run: 'echo here${DAGU_DATABASE_URL:-}'}]"
    runs.begin(queued(text).record(), BEGIN)
    runs.wait("r1")
    run = runs.history.run("r1")
    assert (run.status, run.file) == (Status.SUCCEEDED, "")
    assert (runs.folders(run)["logs"] / "a.1.stdout").read_text() == "here\n"
    runs.close()


def test_taking_over_again_keeps_what_agents_did(tmp_path: Path) -> None:
    runs = HomeRuns(tmp_path, os.environ)
    run = replace(queued("steps: [{id: a, run: exit 1}]").record(), status=Status.FAILED, attempt_id="x")
    runs.history.add_run(run)
    runs.history.add_agent_event("r1", "a", 1, "text", "{}", 1.0)
    runs.begin(run, "retry")
    runs.wait("r1")
    assert runs.history.run("r1").attempt == 2
    assert len(runs.history.agent_events("r1")) == 1
    runs.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_ends_with_its_worker(tmp_path: Path, number: signal.Signals) -> None:
    home, file, beats = tmp_path / "home", tmp_path / "w.yaml", tmp_path / "beats"
    file.write_text(f"steps: [{{id: a, run: 'while :; do echo . >> {beats}; sleep 0.1; done'}}]")
    worker = subprocess.Popen([sys.executable, "-c", WORKER, home, file])
    end = time.monotonic() + HANG
    while not beats.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    worker.send_signal(number)
    worker.wait(HANG)
    with History(home) as history:
        while not (run := history.run("r1")).status.ended:
            assert time.monotonic() < end
            time.sleep(0.05)
    assert (run.status, run.error) == (Status.ABORTED, "stopped: its worker is gone")
    size = beats.stat().st_size
    time.sleep(0.5)
    assert beats.stat().st_size == size


def test_old_copies_are_forgotten(tmp_path: Path) -> None:
    runs = HomeRuns(tmp_path, os.environ)
    runs.begin(queued("steps: [{id: a, run: echo}]").record(), BEGIN)
    runs.wait("r1")
    logs = runs.folders(runs.history.run("r1"))["logs"]
    runs.forget(1)
    assert logs.exists()
    runs.forget(0)
    assert not logs.exists()
    assert runs.history.count() == 0
    runs.close()


def left(home: Path, step: str) -> None:
    """A run whose process was killed."""
    with History(home) as history:
        record = queued(f"steps: [{{id: a, run: echo, {step}}}]").record()
        history.add_run(replace(record, status=Status.RUNNING, attempt_id="x"))


def test_it_does_not_begin_while_something_may_be_left_in_containers(tmp_path: Path) -> None:
    left(tmp_path, "container: {image: alpine}")
    environ = {**os.environ, "DAGU_CONTAINER_RUNTIME": "docker", "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    runs = HomeRuns(tmp_path, environ)
    for _ in range(2):  # also when it is tried again
        with pytest.raises(DaguError, match=r"r1 left in containers may still be running: .*nowhere"):
            runs.end_leftovers()
    assert runs.history.status("r1") is Status.INTERRUPTED
    runs.close()


def test_what_was_on_the_host_needs_no_engine(tmp_path: Path) -> None:
    left(tmp_path, "")
    runs = HomeRuns(tmp_path, {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"})
    runs.end_leftovers()
    assert runs.history.status("r1") is Status.ABORTED
    runs.close()
