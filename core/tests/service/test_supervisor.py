"""The scheduler and services under one roof: starting, failing, stopping; and the programs under signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from dagu.contracts.service import ServiceContext
from dagu.contracts.specs import Service, ServiceSpec
from dagu.errors import DaguError
from dagu.history.ownership import RunLocks
from dagu.history.records import RunRecord, Status
from dagu.history.store import History
from dagu.service import supervisor as module
from dagu.service.scheduler import Scheduler
from dagu.service.supervisor import Supervisor
from dagu.service.watch import WorkflowWatch

HANG = 120.0


class Recorded(Service):
    """A service that serves until it is stopped, or fails when it is told to."""

    def __init__(self, context: ServiceContext) -> None:
        self.context = context
        self.began = threading.Event()
        self.stopped = threading.Event()
        self.fail = threading.Event()
        self.error: Exception | None = None
        self.grace = 0.0

    def run(self) -> None:
        self.began.set()
        self.stopped.wait()
        if self.error is not None:
            raise self.error

    def stop(self, grace: float) -> None:
        self.grace = grace
        self.stopped.set()

    def break_with(self, error: Exception) -> None:
        self.error = error
        self.stopped.set()


class Roof:
    """A supervisor in a thread."""

    def __init__(self, home: Any, clock: Any, names: list[str]) -> None:
        self.made: dict[str, list[Recorded]] = {name: [] for name in names}
        self.said: list[str] = home.said
        self.made_one = threading.Condition()
        self.result: list[BaseException | None] = []
        context = home.context()
        home.contexts.remove(context)  # the supervisor closes it
        self.context = context
        self.supervisor = Supervisor(
            context,
            scheduler=Scheduler(context, clock=clock, say=self.said.append),
            services={name: self.spec(name) for name in names},
            say=self.said.append,
        )
        self.thread = threading.Thread(target=self.run)

    def spec(self, name: str) -> ServiceSpec:
        def make(context: ServiceContext) -> Service:
            service = Recorded(context)
            with self.made_one:
                self.made[name].append(service)
                self.made_one.notify_all()
            return service

        return ServiceSpec(name=name, summary="", factory=make)

    def run(self) -> None:
        try:
            self.supervisor.run()
            self.result.append(None)
        except Exception as error:  # noqa: BLE001 (looked at by the test)
            self.result.append(error)

    def service(self, name: str, number: int = 0) -> Recorded:
        with self.made_one:
            assert self.made_one.wait_for(lambda: len(self.made[name]) > number, HANG)
        found = self.made[name][number]
        assert found.began.wait(HANG)
        return found

    def end(self) -> BaseException | None:
        self.thread.join(HANG)
        assert not self.thread.is_alive()
        return self.result[0]


def test_services_are_started_and_stopped(home: Any, hand_clock: Any) -> None:
    roof = Roof(home, hand_clock, ["a", "b"])
    roof.thread.start()
    services = [roof.service("a"), roof.service("b")]
    assert services[0].context is roof.context
    roof.supervisor.cancel(reason="enough")
    assert roof.end() is None
    assert [service.grace for service in services] == [module.SERVICE_GRACE] * 2
    assert "enough" in roof.said


def test_one_that_fails_at_once_stops_everything(home: Any, hand_clock: Any) -> None:
    roof = Roof(home, hand_clock, ["a", "b"])
    roof.thread.start()
    other = roof.service("b")
    roof.service("a").break_with(DaguError("port 80 is taken"))
    assert str(roof.end()) == "port 80 is taken"
    assert other.stopped.is_set()


def test_one_that_fails_later_is_started_again(
    home: Any, hand_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED", 0.0)
    monkeypatch.setattr(module, "_PAUSE", 0.01)
    roof = Roof(home, hand_clock, ["a"])
    roof.thread.start()
    for number in range(3):
        roof.service("a", number).break_with(ValueError(f"oops {number}"))
    again = roof.service("a", 3)
    again.stopped.set()
    roof.service("a", 4)
    roof.supervisor.cancel()
    assert roof.end() is None
    told = [text for text in roof.said if text.startswith("service a failed")]
    assert [text.rpartition(": ")[2] for text in told] == [
        "oops 0",
        "oops 1",
        "oops 2",
        "service a ended without being told to",
    ]


def test_one_that_can_not_be_made_keeps_all_from_starting(home: Any, hand_clock: Any) -> None:
    roof = Roof(home, hand_clock, ["a"])

    def broken(context: ServiceContext) -> Service:
        raise DaguError("no such certificate")

    roof.supervisor._services = {
        **roof.supervisor._services,
        "z": ServiceSpec(name="z", summary="", factory=broken),
    }
    roof.thread.start()
    assert str(roof.end()) == "no such certificate"
    assert not roof.made["a"][0].began.is_set()


def test_a_scheduler_that_fails_stops_everything(home: Any, hand_clock: Any) -> None:
    (home.path / "scheduler.json").write_text("[]")
    roof = Roof(home, hand_clock, ["a"])
    roof.thread.start()
    assert "scheduler.json is damaged" in str(roof.end())
    assert roof.made["a"][0].stopped.is_set()


class Program:
    """A command of dagu as a program, and its home."""

    def __init__(self, home: Any) -> None:
        self.home = home
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "dagu", *arguments],
            env={**self.home.environ, "DAGU_DISABLED_PLUGINS": "dagu-web-server", **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def until(self, process: subprocess.Popen[str], part: str) -> str:
        assert process.stderr is not None
        for line in process.stderr:
            if part in line:
                return line
        raise AssertionError(f"it ended, {process.wait()}, and never said {part!r}")

    def ended(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        _, errors = process.communicate(timeout=HANG)
        return process.returncode, errors


@pytest.fixture
def program(home: Any) -> Any:
    made = Program(home)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def statuses(home: Any) -> dict[str, Status]:
    with History(home.path) as history:
        return {run.run_id: run.status for run in history.runs(limit=None)}


def running(home: Any, until: Any, context: Any, number: int) -> None:
    until(context, lambda runs: sum(run.status is Status.RUNNING for run in runs) == number)


def leave(pipe: Path) -> str:
    os.mkfifo(pipe)
    return f"cat {pipe}"


def written_down(home: Any, run_id: str) -> None:
    """Wait until the scheduler has noted that a run runs."""
    state = home.path / "scheduler.json"
    changed = threading.Event()
    with WorkflowWatch((home.path,), changed.set):
        while not state.exists() or run_id not in state.read_text():
            assert changed.wait(HANG)
            changed.clear()


class TestSignals:
    def test_runs_may_end_by_themselves(self, home: Any, program: Any, until: Any, tmp_path: Path) -> None:
        home.write("w", f"steps:\n  - run: {leave(tmp_path / 'pipe')}\n")
        context = home.context()
        run_id = context.enqueue("w")
        process = program.start("start-all", DAGU_STOP_GRACE="3600")
        running(home, until, context, 1)
        process.send_signal(signal.SIGTERM)
        assert run_id in program.until(process, "waiting at most 3600 s for 1 run to end")
        late = context.enqueue("w")
        (tmp_path / "pipe").write_text("")
        assert program.ended(process)[0] == 0
        assert statuses(home) == {run_id: Status.SUCCEEDED, late: Status.QUEUED}

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_the_rest_is_stopped_and_cleans_up(
        self, home: Any, program: Any, until: Any, tmp_path: Path, number: signal.Signals
    ) -> None:
        home.write(
            "w",
            f"""
            steps:
              - run: {leave(tmp_path / "pipe")}
            handler_on:
              abort: {{run: touch {tmp_path}/cleaned}}
            """,
        )
        context = home.context()
        run_id = context.enqueue("w")
        process = program.start("scheduler", DAGU_STOP_GRACE="0")
        running(home, until, context, 1)
        process.send_signal(number)
        code, errors = program.ended(process)
        assert code == 0
        assert f"stopped by {number.name}" in errors
        assert statuses(home) == {run_id: Status.ABORTED}
        assert (tmp_path / "cleaned").exists()

    def test_further_signals_hurry(self, home: Any, program: Any, until: Any, tmp_path: Path) -> None:
        stubborn = "trap '' TERM INT; echo $$ > {0}/pid; while :; do sleep 0.05 || :; done"
        home.write(
            "w", f"max_clean_up_time_sec: 3600\nsteps:\n  - run: {json.dumps(stubborn.format(tmp_path))}\n"
        )
        context = home.context()
        run_id = context.enqueue("w")
        process = program.start("start-all", DAGU_STOP_GRACE="3600")
        running(home, until, context, 1)
        for wanted in ("for 1 run to end", "for 1 run to stop", "for 1 run that had to be killed"):
            process.send_signal(signal.SIGTERM)
            program.until(process, wanted)
        assert program.ended(process)[0] == 0
        assert statuses(home) == {run_id: Status.INTERRUPTED}
        pid = int((tmp_path / "pid").read_text())
        assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text()

    def test_runs_that_a_killed_scheduler_left_are_ended_by_the_next_one(
        self, home: Any, program: Any, until: Any, tmp_path: Path
    ) -> None:
        home.write("w", f"steps:\n  - run: {leave(tmp_path / 'pipe')}\n")
        context = home.context()
        run_id = context.enqueue("w")
        first = program.start("scheduler")
        running(home, until, context, 1)
        first.kill()
        first.wait()
        # It took nothing along.
        assert RunLocks(home.path).is_alive(run_id)
        second = program.start("scheduler", DAGU_STOP_GRACE="0")
        program.until(second, "scheduler started")
        second.send_signal(signal.SIGTERM)
        assert program.ended(second)[0] == 0
        assert statuses(home) == {run_id: Status.ABORTED}

    def test_a_run_that_died_with_its_scheduler_goes_on(
        self, home: Any, program: Any, until: Any, tmp_path: Path
    ) -> None:
        pipe = tmp_path / "pipe"
        home.write(
            "w",
            f"steps:\n  - {{id: one, run: echo >> {tmp_path}/count}}\n"
            f"  - {{id: two, depends: one, run: {leave(pipe)}}}\n",
        )
        context = home.context()
        run_id = context.enqueue("w")
        first = program.start("scheduler")

        def two_runs(runs: list[RunRecord]) -> bool:
            return [step.status.value for step in context.history.run(run_id).steps] == [
                "succeeded",
                "running",
            ]

        until(context, two_runs)
        written_down(home, run_id)
        first.kill()
        first.wait()
        context.locks.send_signal(run_id, signal.SIGKILL)
        until(context, lambda runs: runs[0].status is Status.INTERRUPTED)
        second = program.start("scheduler")
        program.until(second, f"run {run_id} was interrupted and goes on")
        until(context, two_runs)
        pipe.write_text("")
        (run,) = until(context, lambda runs: runs[0].status is Status.SUCCEEDED)
        assert run.attempt == 2
        assert (tmp_path / "count").read_text() == "\n"
        second.send_signal(signal.SIGTERM)
        assert program.ended(second)[0] == 0

    def test_a_run_that_was_stopped_with_its_scheduler_goes_on(
        self, home: Any, program: Any, until: Any, tmp_path: Path
    ) -> None:
        pipe = tmp_path / "pipe"
        home.write(
            "w",
            f"max_active_runs: 2\nsteps:\n  - {{id: one, run: echo >> {tmp_path}/count}}\n"
            f"  - {{id: two, depends: one, run: {leave(pipe)}}}\n",
        )
        context = home.context()
        run_id, other = context.enqueue("w"), context.enqueue("w")
        first = program.start("scheduler", DAGU_STOP_GRACE="0")

        def both_run(runs: list[RunRecord]) -> bool:
            found = [step.status.value for run in runs for step in context.history.run(run.run_id).steps]
            return found == ["succeeded", "running"] * 2

        until(context, both_run)
        first.send_signal(signal.SIGTERM)
        assert program.ended(first)[0] == 0
        assert set(statuses(home).values()) == {Status.ABORTED}
        # What somebody decided about since is left to him.
        context.retry(other)
        until(context, lambda _: context.history.status(other) is Status.RUNNING)
        context.stop(other)
        until(context, lambda _: context.history.status(other) is Status.ABORTED)
        second = program.start("scheduler", DAGU_STOP_GRACE="0")
        program.until(second, f"run {run_id} was stopped with its service and goes on")
        until(context, lambda _: context.history.status(run_id) is Status.RUNNING)
        pipe.write_text("")
        until(context, lambda _: context.history.status(run_id) is Status.SUCCEEDED)
        assert context.history.run(run_id).attempt == 2
        assert context.history.status(other) is Status.ABORTED
        assert (tmp_path / "count").read_text() == "\n\n"
        second.send_signal(signal.SIGTERM)
        assert program.ended(second)[0] == 0

    def test_a_second_one_takes_over_from_one_that_was_killed(
        self, home: Any, program: Any, until: Any
    ) -> None:
        home.write("w", "steps:\n  - run: echo hi\n")
        first = program.start("scheduler")
        program.until(first, "scheduler started")
        second = program.start("scheduler")
        program.until(second, "another scheduler works in this home")
        first.kill()
        program.until(second, "scheduler started")
        context = home.context()
        context.enqueue("w")
        until(context, lambda runs: runs[0].status is Status.SUCCEEDED)
        second.send_signal(signal.SIGTERM)
        assert program.ended(second)[0] == 0

    def test_what_is_wrong_is_told_without_a_traceback(self, home: Any, program: Any) -> None:
        (home.path / "config.yaml").write_text("queues: none\n")
        code, errors = program.ended(program.start("start-all"))
        assert code == 1
        assert "config.yaml:1:9: queues: must be a mapping of names" in errors
        assert "Traceback" not in errors
