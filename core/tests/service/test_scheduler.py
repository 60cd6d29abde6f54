"""The scheduler with real runs, and a clock that the test turns."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dagu.errors import DaguError
from dagu.history.records import RunRecord, Status
from dagu.service.clock import SystemClock
from dagu.service.scheduler import Scheduler, slot_run_id

HOURLY = "schedule: '0 * * * *'\n"
PLAIN = "steps:\n  - run: echo hi\n"
QUICK = "steps:\n  - run: echo ${context.run.scheduled_at} ${context.trigger.type}\n"


def waiting(gates: Path) -> str:
    """Steps that end when somebody writes to the pipe of their run."""
    return f"steps:\n  - run: mkfifo {gates}/$DAG_RUN_ID 2>/dev/null || :; cat {gates}/$DAG_RUN_ID\n"


def open_gate(gates: Path, run: RunRecord) -> None:
    gate = gates / run.run_id
    with suppress(FileExistsError):
        os.mkfifo(gate)
    gate.write_text("go\n")  # blocks until the step reads


def ended(count: int) -> Any:
    return lambda runs: len(runs) == count and all(run.status.ended for run in runs)


def states(*wanted: str) -> Any:
    return lambda runs: [run.status.value for run in runs] == list(wanted)


def at(hour: int, minute: int = 0) -> float:
    return datetime(2026, 6, 1, hour, minute, tzinfo=UTC).timestamp()


def output(home: Any, run: RunRecord) -> str:
    return (
        home.path / "logs" / run.workflow.replace("/", "%2F") / run.run_id / "step_1.1.stdout"
    ).read_text()


def test_what_is_due_runs(home: Any, hand_clock: Any, until: Any) -> None:
    home.write("etl/nightly", f"tags: [a]\n{HOURLY}{QUICK}")
    context = home.context()
    home.schedule(context, hand_clock)
    hand_clock.turn("11:00")
    (run,) = until(context, ended(1))
    assert (run.workflow, run.status, run.trigger) == ("etl/nightly", Status.SUCCEEDED, "scheduler")
    assert (run.scheduled_at, run.queue, run.labels) == (at(11), "etl/nightly", {"a": ""})
    assert output(home, run) == "2026-06-01T11:00:00Z scheduler\n"
    hand_clock.turn("12:00")
    assert len(until(context, ended(2))) == 2


def test_a_file_that_changes_while_the_scheduler_runs(home: Any, hand_clock: Any, until: Any) -> None:
    context = home.context()
    scheduler = home.schedule(context, hand_clock)
    for number, minute in enumerate((30, 40), start=1):
        text = f"{minute} 10 * * *"
        home.write("new", f"schedule: '{text}'\n{QUICK}")
        hand_clock.rest_until(
            lambda text=text: "new" in scheduler._schedules and scheduler._schedules["new"].texts == (text,)
        )
        hand_clock.turn(f"10:{minute}")
        runs = until(context, ended(number))
    assert [run.scheduled_at for run in runs] == [at(10, 30), at(10, 40)]


def test_one_with_mistakes_is_told_once_and_keeps_nobody_else(home: Any, hand_clock: Any, until: Any) -> None:
    home.write("bad", f"schedule: '61 * * * *'\n{QUICK}")
    home.write("good", f"{HOURLY}{QUICK}")
    context = home.context()
    home.schedule(context, hand_clock)
    for number, clock in enumerate(("11:00", "12:00"), start=1):
        hand_clock.turn(clock)
        until(context, ended(number))
    told = [text for text in home.said if text.startswith("bad is left alone")]
    assert len(told) == 1
    assert "bad minute" in told[0]


def test_a_suspended_workflow_waits_for_its_next_start(home: Any, hand_clock: Any, until: Any) -> None:
    home.write("w", f"{HOURLY}{QUICK}")
    home.write("other", f"{HOURLY}{QUICK}")
    context = home.context()
    context.suspend("w", True)
    home.schedule(context, hand_clock)
    hand_clock.turn("11:00")
    until(context, ended(1))
    context.suspend("w", False)
    hand_clock.turn("11:30")
    hand_clock.turn("12:00")
    runs = until(context, ended(3))
    assert sorted((run.workflow, run.scheduled_at) for run in runs) == [
        ("other", at(11)),
        ("other", at(12)),
        ("w", at(12)),
    ]


def test_overlap_with_a_run_that_was_started_by_hand(
    home: Any, hand_clock: Any, until: Any, tmp_path: Path
) -> None:
    home.write("w", f"{HOURLY}overlap_policy: latest\n{waiting(tmp_path)}")
    context = home.context()
    home.schedule(context, hand_clock)
    context.start("w")
    until(context, states("running"))
    hand_clock.turn("11:00")
    hand_clock.turn("12:00")
    (run,) = context.history.runs()
    open_gate(tmp_path, run)
    _, run = until(context, states("succeeded", "running"))
    open_gate(tmp_path, run)
    runs = until(context, ended(2))
    assert [run.scheduled_at for run in runs] == [None, at(12)]


def test_a_run_that_is_killed_makes_room_and_takes_nothing_along(
    home: Any, hand_clock: Any, until: Any, tmp_path: Path
) -> None:
    home.write("w", f"{HOURLY}overlap_policy: all\n{waiting(tmp_path)}")
    context = home.context()
    home.schedule(context, hand_clock)
    hand_clock.turn("11:00")
    (run,) = until(context, states("running"))
    hand_clock.turn("12:00")
    pid = context.locks.owner_pid(run.run_id)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    _, run = until(context, states("interrupted", "running"))
    open_gate(tmp_path, run)
    runs = until(context, ended(2))
    assert [run.status.value for run in runs] == ["interrupted", "succeeded"]


def test_stop_and_restart(home: Any, hand_clock: Any, until: Any, tmp_path: Path) -> None:
    plan = "{start: '0 11 * * *', restart: '0 12 * * *', stop: '0 13 * * *'}"
    home.write("w", f"schedule: {plan}\n{waiting(tmp_path)}")
    context = home.context()
    home.schedule(context, hand_clock)
    hand_clock.turn("11:00")
    until(context, states("running"))
    hand_clock.turn("12:00")
    until(context, states("aborted", "running"))
    hand_clock.turn("13:00")
    until(context, states("aborted", "aborted"))


class TestQueues:
    def test_a_limit_and_priorities(self, home: Any, hand_clock: Any, until: Any, tmp_path: Path) -> None:
        (home.path / "config.yaml").write_text("queues: {slow: {max_active_runs: 2}}\n")
        home.write("w", f"queue: slow\n{waiting(tmp_path)}")
        context = home.context()
        ids = []
        for priority in (0, 0, 0, 7):
            record = context._queued("w", None, "", queue="slow").record()
            ids.append(record.run_id)
            context.history.add_run(record)
            context.history.update_run(record.run_id, priority=priority)
        home.schedule(context, hand_clock)

        def two_run(runs: list[RunRecord]) -> bool:
            return Counter(run.status for run in runs) == {Status.RUNNING: 2, Status.QUEUED: 2}

        runs = until(context, two_run)
        running = {run.run_id for run in runs if run.status is Status.RUNNING}
        assert running == {ids[3], ids[0]}
        overview = context.scheduler()
        assert overview["queues"] == [{"name": "slow", "limit": 2, "queued": 2, "running": 2}]
        assert overview["running"] is True
        by_id = {run.run_id: run for run in runs}
        for number, run_id in enumerate((ids[3], ids[0], ids[1], ids[2]), start=1):
            open_gate(tmp_path, by_id[run_id])
            over = [ids[3], ids[0], ids[1], ids[2]][:number]
            left = until(
                context,
                lambda runs, over=over: (
                    all(run.status is Status.SUCCEEDED for run in runs if run.run_id in over)
                    and sum(run.status is Status.RUNNING for run in runs) == min(2, 4 - len(over))
                ),
            )
            assert sum(run.status is Status.RUNNING for run in left) <= 2

    def test_one_that_can_not_start_is_told_and_keeps_nobody_else(
        self, home: Any, hand_clock: Any, until: Any
    ) -> None:
        home.write("w", f"params:\n  - {{name: n, type: integer, required: true}}\nqueue: q\n{PLAIN}")
        context = home.context()
        first = context.enqueue("w", params="other=1")
        second = context.enqueue("w", params={"n": 3})
        home.schedule(context, hand_clock)
        runs = {run.run_id: run for run in until(context, ended(2))}
        assert runs[first].status is Status.FAILED
        assert "unknown parameter: other" in runs[first].error
        assert runs[second].status is Status.SUCCEEDED

    def test_one_that_is_taken_out_never_starts(self, home: Any, hand_clock: Any, until: Any) -> None:
        home.write("w", PLAIN)
        context = home.context()
        first = context.enqueue("w")
        second = context.enqueue("w")
        context.stop(first)
        context.stop(first)
        home.schedule(context, hand_clock)
        runs = {run.run_id: run for run in until(context, ended(2))}
        assert (runs[first].status, runs[first].error) == (Status.ABORTED, "stopped before it began")
        assert runs[second].status is Status.SUCCEEDED

    def test_a_step_may_queue_others(self, home: Any, hand_clock: Any, until: Any) -> None:
        home.write(
            "parent",
            """
            steps:
              - action: dag.enqueue
                with: {dag: child, params: {who: you}}
            ---
            name: child
            params: [who: nobody]
            steps:
              - run: echo hello ${params.who}
            """,
        )
        context = home.context()
        home.schedule(context, hand_clock)
        context.start("parent")
        runs = until(context, ended(2))
        child = next(run for run in runs if run.workflow == "child")
        assert (child.status, child.trigger, child.queue) == (Status.SUCCEEDED, "subdag", "child")
        assert output(home, child) == "hello you\n"

    def test_a_queued_workflow_chooses_its_queue_itself(self, home: Any, hand_clock: Any, until: Any) -> None:
        home.write("etl/load", f"queue: slow\n{PLAIN}")
        home.write("etl/count.v2", PLAIN)
        home.write(
            "parent",
            """
            steps:
              - {action: dag.enqueue, with: {dag: etl/load}}
              - {action: dag.enqueue, with: {dag: etl/load, queue: quick}}
              - {action: dag.enqueue, with: {dag: etl/count.v2}}
            """,
        )
        context = home.context()
        home.schedule(context, hand_clock)
        context.start("parent")
        runs = until(context, ended(4))
        assert sorted((run.workflow, run.queue) for run in runs) == [
            ("etl/count.v2", "etl/count.v2"),
            ("etl/load", "quick"),
            ("etl/load", "slow"),
            ("parent", ""),
        ]


class TestOnlyOne:
    def test_two_schedulers_do_nothing_twice(self, home: Any, hand_clock: Any, until: Any) -> None:
        home.write("w", f"{HOURLY}{QUICK}")
        one, two = home.context(), home.context()
        first = home.schedule(one, hand_clock)
        home.schedule(two, hand_clock, second=True)
        hand_clock.turn("11:00")
        until(one, ended(1))
        home.stop(first)
        # The second one takes over where the first one was.
        hand_clock.turn("12:00")
        runs = until(two, ended(2))
        assert [run.scheduled_at for run in runs] == [at(11), at(12)]
        assert sum("another scheduler works" in text for text in home.said) <= 1

    def test_the_one_that_waits_can_be_stopped(self, home: Any, hand_clock: Any) -> None:
        first = home.schedule(home.context(), hand_clock)
        second = home.schedule(home.context(), hand_clock, second=True)
        home.stop(second)
        home.stop(first)

    def test_what_a_killed_scheduler_recorded_is_not_recorded_again(
        self, home: Any, hand_clock: Any, until: Any
    ) -> None:
        home.write("w", f"{HOURLY}{PLAIN}")
        context = home.context()
        # It died between its record and its mark.
        record = context._queued(
            "w", None, slot_run_id("w", datetime(2026, 6, 1, 11, tzinfo=UTC)), queue="w"
        ).record()
        context.history.add_run(record)
        (home.path / "scheduler.json").write_text(json.dumps({"marks": {"w": at(10, 30)}, "running": []}))
        hand_clock.turn("11:00")
        home.schedule(context, hand_clock)
        until(context, ended(1))
        hand_clock.turn("12:00")
        runs = until(context, ended(2))
        assert sorted(run.scheduled_at or 0 for run in runs) == [0, at(12)]

    def test_a_run_whose_starter_died_is_ended(self, home: Any, hand_clock: Any, until: Any) -> None:
        home.write("w", PLAIN)
        context = home.context()
        record = context._queued("w", None, "lost").record()
        context.history.add_run(record)
        context.history.update_run("lost", started_at=at(9))
        home.schedule(context, hand_clock)
        (run,) = until(context, ended(1))
        assert (run.status, run.error) == (Status.FAILED, "the process that was to start it is gone")

    def test_damaged_marks_are_told(self, home: Any, hand_clock: Any) -> None:
        (home.path / "scheduler.json").write_text("{")
        with pytest.raises(DaguError, match=r"scheduler\.json is damaged"):
            Scheduler(home.context(), clock=hand_clock).run()


def test_missed_starts_are_caught_up(home: Any, hand_clock: Any, until: Any) -> None:
    home.write("w", f"{HOURLY}catchup_window: 6h\n{QUICK}")
    context = home.context()
    first = home.schedule(context, hand_clock)
    hand_clock.turn("11:00")
    until(context, ended(1))
    home.stop(first)
    hand_clock.turn("14:30")
    home.schedule(context, hand_clock)
    runs = until(context, ended(4))
    assert [(run.scheduled_at, run.trigger) for run in runs] == [
        (at(11), "scheduler"),
        (at(12), "catchup"),
        (at(13), "catchup"),
        (at(14), "catchup"),
    ]


def test_old_runs_are_forgotten_with_their_files(home: Any, hand_clock: Any, until: Any) -> None:
    home.write("w", f"hist_retention_runs: 1\n{PLAIN}")
    home.write("kept", PLAIN)
    context = home.context()
    for name in ("w", "w", "kept"):
        context.start(name)
    runs = until(context, ended(3))
    newest = max((run for run in runs if run.workflow == "w"), key=lambda run: run.started_at)
    home.schedule(context, hand_clock)
    left = until(context, lambda runs: len(runs) == 2)
    assert {run.run_id for run in left if run.workflow == "w"} == {newest.run_id}
    assert [path.name for path in (home.path / "logs/w").iterdir()] == [newest.run_id]
    assert [path.name for path in (home.path / "work/w").iterdir()] == [newest.run_id]


def test_a_history_that_can_not_be_written_loses_no_start(
    home: Any, hand_clock: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagu.service import scheduler as module

    home.write("w", f"{HOURLY}{QUICK}")
    context = home.context()
    monkeypatch.setattr(module, "TRY_AGAIN", module.TRY_AGAIN * 0)
    failed = threading.Event()
    add_run = context.history.add_run

    def full(record: RunRecord) -> None:
        if not failed.is_set():
            failed.set()
            raise DaguError("history: the disk is full")
        add_run(record)

    monkeypatch.setattr(context.history, "add_run", full)
    home.schedule(context, hand_clock)
    hand_clock.turn("11:00")
    (run,) = until(context, ended(1))
    assert run.scheduled_at == at(11)
    assert "history: the disk is full" in home.said


def minutes(runs: list[RunRecord]) -> list[float]:
    return [(run.scheduled_at or 0) / 60 for run in runs]


def test_a_schedule_for_three_fast_minutes(home: Any, fast_clock: Any, until: Any) -> None:
    home.write("w", f"schedule: '* * * * *'\ncatchup_window: 1h\noverlap_policy: all\n{QUICK}")
    context = home.context()
    home.schedule(context, fast_clock)
    runs = until(context, lambda runs: sum(run.status.ended for run in runs) >= 3)
    first, *rest = minutes(runs)
    assert first == at(10, 1) / 60
    assert rest == [first + number for number in range(1, len(runs))]
    assert {run.status for run in runs if run.status.ended} == {Status.SUCCEEDED}


@pytest.mark.slow
def test_a_schedule_for_three_minutes(home: Any, until: Any) -> None:
    home.write("w", f"schedule: '* * * * *'\n{QUICK}")
    context = home.context()
    began = time.time()
    home.schedule(context, SystemClock())
    runs: list[RunRecord] = []
    for number in (1, 2, 3):
        runs = until(context, ended(number))
    first, second, third = minutes(runs)
    assert first == int(first)
    assert (second, third) == (first + 1, first + 2)
    assert 0 < (runs[0].scheduled_at or 0) - began <= 60
    assert {run.trigger for run in runs} == {"scheduler"}
    for run in runs:
        assert run.started_at >= (run.scheduled_at or 0)
