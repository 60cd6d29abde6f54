from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from dagu.history.records import Status
from dagu.run.steps.outcome import Outcome, total
from dagu.run.steps.scheduler import Scheduler
from dagu.workflow.model import Step

GOOD = Outcome(status=Status.SUCCEEDED)
BAD = Outcome(status=Status.FAILED)


def steps(**depends: tuple[str, ...]) -> list[Step]:
    return [Step(name=name, depends=others) for name, others in depends.items()]


def run(
    graph: list[Step], ends: Mapping[str, Outcome] | None = None, *, limit: int = 0
) -> tuple[Mapping[str, Outcome], list[str], list[str]]:
    started: list[str] = []
    dropped: list[str] = []

    def work(step: Step, _outcomes: Mapping[str, Outcome]) -> Outcome:
        started.append(step.name)
        return (ends or {}).get(step.name, GOOD)

    outcomes = Scheduler(
        graph,
        work,
        dropped=lambda step, _outcome: dropped.append(step.name),
        limit=limit,
        stopped=threading.Event(),
    ).run()
    return outcomes, started, dropped


def test_one_at_a_time_in_file_order() -> None:
    _, started, _ = run(steps(c=(), a=(), b=()), limit=1)
    assert started == ["c", "a", "b"]


def test_a_step_waits_for_all_that_it_depends_on() -> None:
    _, started, _ = run(steps(last=("a", "b"), a=(), b=("a",)), limit=1)
    assert started == ["a", "b", "last"]


def test_after_a_failure_only_its_branch_is_aborted() -> None:
    graph = steps(a=(), b=("a",), c=("b",), other=())
    outcomes, started, dropped = run(graph, {"a": BAD})
    assert sorted(started) == ["a", "other"]
    assert dropped == ["b", "c"]
    assert {name: outcome.status.value for name, outcome in outcomes.items()} == {
        "a": "failed",
        "b": "aborted",
        "c": "aborted",
        "other": "succeeded",
    }


def test_after_a_skip_the_branch_is_skipped() -> None:
    outcomes, _, _ = run(steps(a=(), b=("a",)), {"a": Outcome(status=Status.SKIPPED)})
    assert outcomes["b"].status is Status.SKIPPED


def test_an_excused_failure_lets_the_branch_go_on() -> None:
    outcomes, _, _ = run(steps(a=(), b=("a",)), {"a": Outcome(status=Status.FAILED, excused=True)})
    assert outcomes["b"].status is Status.SUCCEEDED
    assert total(outcomes.values()) is Status.PARTIALLY_SUCCEEDED


def test_a_long_chain_after_a_failure_is_no_deep_recursion() -> None:
    names = [f"s{number}" for number in range(5000)]
    graph = [
        Step(name=name, depends=(names[index - 1],) if index else ()) for index, name in enumerate(names)
    ]
    outcomes, started, dropped = run(graph, {"s0": BAD})
    assert started == ["s0"]
    assert len(dropped) == 4999
    assert outcomes["s4999"].status is Status.ABORTED


def test_steps_side_by_side_meet() -> None:
    barrier = threading.Barrier(3, timeout=30)

    def work(_step: Step, _outcomes: Mapping[str, Outcome]) -> Outcome:
        barrier.wait()
        return GOOD

    graph = steps(a=(), b=(), c=())
    Scheduler(graph, work, dropped=lambda *_: None, limit=0, stopped=threading.Event()).run()


def test_never_more_than_the_limit() -> None:
    lock, running, most = threading.Lock(), 0, 0

    def work(_step: Step, _outcomes: Mapping[str, Outcome]) -> Outcome:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1
        return GOOD

    graph = [Step(name=f"s{number}") for number in range(12)]
    Scheduler(graph, work, dropped=lambda *_: None, limit=3, stopped=threading.Event()).run()
    assert most == 3


def test_nothing_starts_after_a_stop() -> None:
    stopped = threading.Event()

    def work(step: Step, _outcomes: Mapping[str, Outcome]) -> Outcome:
        stopped.set()
        return GOOD

    outcomes = Scheduler(steps(a=(), b=("a",)), work, dropped=lambda *_: None, limit=1, stopped=stopped).run()
    assert outcomes["b"].status is Status.ABORTED


def test_an_error_of_the_runner_itself_is_raised_after_the_rest_ended() -> None:
    def work(step: Step, _outcomes: Mapping[str, Outcome]) -> Outcome:
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        Scheduler(steps(a=()), work, dropped=lambda *_: None, limit=0, stopped=threading.Event()).run()


def test_what_is_done_does_not_run_again() -> None:
    started: list[str] = []

    def work(step: Step, _outcomes: Mapping[str, Outcome]) -> Outcome:
        started.append(step.name)
        return GOOD

    Scheduler(
        steps(a=(), b=("a",), c=("b",)),
        work,
        dropped=lambda *_: None,
        limit=0,
        stopped=threading.Event(),
        done={"a": GOOD},
    ).run()
    assert started == ["b", "c"]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([Status.SUCCEEDED, Status.SKIPPED], Status.SUCCEEDED),
        ([Status.SKIPPED], Status.SUCCEEDED),
        ([Status.SUCCEEDED, Status.FAILED], Status.FAILED),
        ([Status.SUCCEEDED, Status.ABORTED], Status.ABORTED),
        ([Status.SUCCEEDED, Status.WAITING, Status.NOT_STARTED], Status.WAITING),
        ([Status.SUCCEEDED, Status.PARTIALLY_SUCCEEDED], Status.PARTIALLY_SUCCEEDED),
        ([Status.REJECTED, Status.SUCCEEDED], Status.REJECTED),
    ],
)
def test_the_run_is_what_its_steps_are(statuses: list[Status], expected: Status) -> None:
    assert total(Outcome(status=status) for status in statuses) is expected
