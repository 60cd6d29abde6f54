"""The engine dies, restarts or disappears while a run uses it: a clear error or a successful retry."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_dagu import Dagu, Ran, Running
from e2e_engines import EngineUnderTest
from fault_results import Results
from faults_engines import Private

from dagu.history.records import RunRecord, Status
from dagu.history.store import History
from dagu.sandbox import labels

CONTAINER = 'container: {image: "alpine:3.20", volumes: [".:/w"]}'
WORK = "echo begun; for i in $(seq 6000); do test -e /w/go && break; sleep 0.1; done; echo ended"
TRIVIAL = 'steps:\n  - {run: "true", container: {image: "alpine:3.20"}}\n'
OWN = f"steps:\n  - id: work\n    {CONTAINER}\n    run: {WORK}\n"
SHARED = f"{CONTAINER}\nsteps:\n  - id: work\n    run: {WORK}\n"
WORKFLOWS = {"own": OWN, "shared": SHARED}
RETRY = "    retry_policy: {limit: 100, interval_sec: 1}\n"
THEN = f"  - id: second\n    depends: work\n    {CONTAINER}\n    run: echo second\n"


class Fault:
    """What is done to an engine, and undone."""

    def __init__(self, private: Private, name: str) -> None:
        self._private, self._name = private, name
        self.socket = Path(private.status(name)["endpoint"].removeprefix("unix://"))
        self._aside = self.socket.with_name(f"{self.socket.name}.aside")

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        self._end(signal.SIGTERM)

    def hide(self) -> None:
        """Take the socket's name away; what is connected stays so."""
        self.socket.rename(self._aside)

    def mend(self) -> None:
        """The engine answers again."""
        if self._aside.exists():
            self._aside.rename(self.socket)
        self._private.start(self._name)

    def _end(self, number: signal.Signals) -> None:
        pid = int(self._private.status(self._name)["pid"])
        handle = os.pidfd_open(pid)
        try:
            os.kill(pid, number)
            gone(handle)
        finally:
            os.close(handle)


def gone(handle: int) -> None:
    """Wait for a process' end."""
    assert select.select([handle], [], [], 120)[0], "the daemon did not end"


@pytest.fixture
def fault(engine: EngineUnderTest, private: Private) -> Iterator[Fault]:
    found = Fault(private, engine.name)
    yield found
    found.mend()


def begun(dagu: Dagu, source: str) -> Running:
    """A run whose step has said something."""
    running = dagu.begin_run(source)
    dagu.until(lambda: said(dagu, running) == b"begun\n" or running.process.poll() is not None)
    assert running.process.poll() is None, running.finish().stderr
    return running


def said(dagu: Dagu, running: Running, attempt: int = 1) -> bytes:
    found = list((dagu.home / "logs").glob(f"*/{running.run_id}/work.{attempt}.stdout"))
    return found[0].read_bytes() if found else b""


def record(dagu: Dagu, running: Running) -> RunRecord:
    with History(dagu.home) as history:
        return history.run(running.run_id)


def all_cleared(dagu: Dagu, fault: Fault) -> None:
    """Once the engine is back, the next run clears up."""
    fault.mend()
    dagu.start(TRIVIAL).succeeded()
    assert list(dagu.runtime.find({labels.OWNER: ""})) == []
    assert list(dagu.runtime.find_networks({labels.OWNER: ""})) == []
    assert list(dagu.runtime.find_volumes({labels.OWNER: ""})) == []


def check_told(ran: Ran) -> None:
    """The error of a step that the engine failed says so, and what to do."""
    error = ran.step("work").error
    assert "Traceback" not in ran.stderr
    assert "engine" in error.lower() or "podman" in error.lower() or "docker" in error.lower()
    assert "hint:" in ran.stderr


@pytest.mark.parametrize("place", WORKFLOWS)
def test_killed(dagu: Dagu, fault: Fault, place: str, engine: EngineUnderTest, results: Results) -> None:
    running = begun(dagu, WORKFLOWS[place])
    fault.kill()
    ran = running.finish()
    assert ran.code != 0
    assert (ran.status, ran.step("work").status) == (Status.FAILED, Status.FAILED)
    assert ran.output("work") == b"begun\n"
    check_told(ran)
    all_cleared(dagu, fault)
    results.fault("engine killed", place, engine.name, ran.record)


def test_restarted_with_a_retry(dagu: Dagu, fault: Fault, engine: EngineUnderTest, results: Results) -> None:
    running = begun(dagu, OWN + RETRY)
    fault.kill()
    (dagu.directory / "go").touch()
    fault.mend()
    ran = running.finish().succeeded()
    first, *_, last = ran.step("work").attempts
    assert (first.status, last.status) == (Status.FAILED, Status.SUCCEEDED)
    assert ran.output("work", attempt=1) == b"begun\n"
    assert ran.output("work") == b"begun\nended\n"
    all_cleared(dagu, fault)
    results.fault("engine restarted, retry_policy", "own", engine.name, ran.record)


@pytest.mark.parametrize("place", WORKFLOWS)
def test_ended_in_order(
    dagu: Dagu, fault: Fault, place: str, engine: EngineUnderTest, results: Results
) -> None:
    running = begun(dagu, WORKFLOWS[place])
    fault.terminate()
    fault.mend()
    ran = running.finish()
    assert ran.code != 0
    assert (ran.status, ran.step("work").status) == (Status.FAILED, Status.FAILED)
    assert ran.output("work") == b"begun\n"
    all_cleared(dagu, fault)
    results.fault("engine ended in order and started again", place, engine.name, ran.record)


@pytest.mark.parametrize("place", WORKFLOWS)
def test_socket_vanishes(
    dagu: Dagu, fault: Fault, place: str, engine: EngineUnderTest, results: Results
) -> None:
    running = begun(dagu, WORKFLOWS[place] + THEN)
    fault.hide()
    (dagu.directory / "go").touch()
    ran = running.finish()
    assert ran.code != 0
    all_cleared(dagu, fault)
    results.fault("socket vanishes", place, engine.name, ran.record)
