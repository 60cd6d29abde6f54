"""Waiting for a container: within a limit, with the last state told, and no longer than it is wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from dagu.contracts.container import ContainerRequest, Health
from dagu.errors import RuntimeFailure
from dagu.sandbox.readiness import LogWatch, Readiness
from dagu.testing import FakeRuntime

SLEEP = ("sleep", "600")


@pytest.fixture
def runtime() -> FakeRuntime:
    return FakeRuntime()


def container(runtime: FakeRuntime, *command: str, start: bool = True) -> str:
    made = runtime.create(ContainerRequest(image="alpine:3.20", entrypoint=(), command=command or SLEEP))
    if start:
        runtime.start(made)
    return made


def ready(
    runtime: FakeRuntime, name: str, *, limit: float = 0.3, stopped: threading.Event | None = None
) -> Readiness:
    return Readiness(runtime, name, stopped=stopped or threading.Event(), limit=limit)


def test_running(runtime: FakeRuntime) -> None:
    with runtime:
        assert ready(runtime, container(runtime)).running().running


def test_one_that_never_starts(runtime: FakeRuntime) -> None:
    with runtime, pytest.raises(RuntimeFailure, match=r"within 0\.3 s; last state: not running: created"):
        ready(runtime, container(runtime, start=False)).running()


def test_one_that_ended(runtime: FakeRuntime) -> None:
    with runtime:
        made = container(runtime, "sh", "-c", "exit 9")
        runtime.wait(made)
        with pytest.raises(RuntimeFailure, match=r"ended before it was ready \(exit code 9\)"):
            ready(runtime, made).running()


def test_one_that_removed_itself(runtime: FakeRuntime) -> None:
    with runtime, pytest.raises(RuntimeFailure, match="removed itself"):
        ready(runtime, "gone").running()


def test_appearing_tells_once_what_it_waits_for(runtime: FakeRuntime) -> None:
    told: list[str] = []
    with runtime, pytest.raises(RuntimeFailure, match="last state: there is no such container"):
        ready(runtime, "gone").appearing(waiting=told.append)
    assert told == ["there is no such container"]


def test_appearing_later(runtime: FakeRuntime) -> None:
    with runtime:
        made = container(runtime, start=False)
        told: list[str] = []

        def waiting(state: str) -> None:
            told.append(state)
            runtime.start(made)

        assert ready(runtime, made, limit=30).appearing(waiting=waiting).running
        assert told == ["created"]


@pytest.mark.parametrize(
    "wait",
    [
        lambda one: one.running(),
        lambda one: one.appearing(waiting=lambda _state: None),
    ],
)
def test_a_stopped_run_waits_no_longer(wait: Callable[[Readiness], object], runtime: FakeRuntime) -> None:
    stopped = threading.Event()
    stopped.set()
    with runtime, pytest.raises(RuntimeFailure, match="no longer wanted"):
        wait(ready(runtime, container(runtime, start=False), limit=60, stopped=stopped))


def test_health_is_only_waited_for_where_there_is_a_check(runtime: FakeRuntime) -> None:
    with runtime:
        made = container(runtime)
        assert runtime.inspect(made).health is Health.NONE
        assert ready(runtime, made).healthy() is False


def test_the_log(runtime: FakeRuntime) -> None:
    with runtime:
        made = container(runtime)
        watch = LogWatch(lambda line: "ready" in line)
        watch.feed(b"it is rea")
        watch.feed(b"dy now\nand")
        ready(runtime, made).logged(watch, "ready")
        other = LogWatch(lambda line: line == "end")
        other.feed(b"x\nen")
        with pytest.raises(RuntimeFailure, match=r"last state: log_pattern 'end' was not seen in its log"):
            ready(runtime, made).logged(other, "end")


def test_a_line_without_an_end_is_not_held_whole() -> None:
    watch = LogWatch(lambda _line: False)
    for _ in range(40):
        watch.feed(b"x" * 10_000)
    assert len(watch._rest) <= 64 * 1024
