"""Which queued runs may start."""

from __future__ import annotations

from typing import Any

from dagu.history.records import RunRecord, Status
from dagu.service.admission import Limits, admitted
from dagu.service.schedule import Schedule


def run(run_id: str, workflow: str = "w", queue: str = "q", **fields: Any) -> RunRecord:
    given: dict[str, Any] = {"status": Status.QUEUED, "started_at": 1.0} | fields
    return RunRecord(run_id=run_id, workflow=workflow, queue=queue, **given)


def ids(runs: list[RunRecord], *, starting: tuple[str, ...] = (), **limits: Any) -> list[str]:
    schedules, total = limits.pop("schedules", {}), limits.pop("total", 0)
    return [each.run_id for each in admitted(runs, starting, Limits(limits, schedules, total))]


def test_a_queue_takes_one_at_a_time_unless_configured() -> None:
    runs = [run("a"), run("b"), run("c")]
    assert ids(runs) == ["a"]
    assert ids(runs, q=2) == ["a", "b"]
    assert ids([run("r", status=Status.RUNNING), *runs], q=2) == ["a"]
    assert ids([run("r", status=Status.RUNNING), *runs]) == []


def test_the_oldest_first_after_the_highest_priority() -> None:
    runs = [
        run("young", started_at=3.0),
        run("urgent", started_at=9.0, priority=5),
        run("old", started_at=1.0),
        run("later", started_at=0.0, priority=-1),
    ]
    assert ids(runs, q=4) == ["urgent", "old", "young", "later"]
    assert ids(runs, q=1) == ["urgent"]


def test_queues_do_not_wait_for_each_other() -> None:
    assert ids([run("a"), run("b", queue="other", workflow="v"), run("c")]) == ["a", "b"]


def test_a_workflow_has_a_limit_of_its_own_over_all_queues() -> None:
    runs = [run("a", "w", "q1"), run("b", "w", "q2"), run("c", "v", "q2")]
    assert ids(runs, schedules={"w": Schedule(max_active_runs=1), "v": Schedule(max_active_runs=1)}) == [
        "a",
        "c",
    ]
    manual = run("m", "w", "", status=Status.RUNNING)
    assert ids([manual, *runs], schedules={"w": Schedule(max_active_runs=1)}) == ["c"]


def test_the_queue_of_a_workflow_has_the_limit_of_the_workflow() -> None:
    runs = [run(name, "w", "w") for name in "abcd"]
    assert ids(runs, schedules={"w": Schedule(max_active_runs=1)}) == ["a"]
    assert ids(runs, schedules={"w": Schedule(max_active_runs=3)}) == ["a", "b", "c"]
    assert ids(runs, schedules={"w": Schedule(max_active_runs=0)}) == ["a", "b", "c", "d"]
    assert ids(runs, w=2, schedules={"w": Schedule(max_active_runs=0)}) == ["a", "b"]


def test_what_was_told_to_start_is_not_told_again_and_takes_its_place() -> None:
    runs = [run("a"), run("b")]
    assert ids(runs, starting=("a",)) == []
    assert ids(runs, starting=("a",), q=2) == ["b"]


def test_a_run_without_a_queue_is_started_by_who_recorded_it() -> None:
    assert ids([run("a", queue="")]) == []


def test_there_is_a_limit_over_everything() -> None:
    runs = [run("r", status=Status.RUNNING, queue=""), *(run(name, queue=name) for name in "abc")]
    assert ids(runs, total=3) == ["a", "b"]
    assert ids(runs, total=1) == []
