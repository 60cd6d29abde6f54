"""Pull policies, one pull for many steps, and pulls that nobody wants any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dagu.contracts.runtime import PullProgress
from dagu.errors import ImageNotFound, PullFailed, RuntimeFailure
from dagu.sandbox.images import Images
from dagu.sandbox.stopping import Stop
from dagu.testing import FakeRuntime

HALF = PullProgress(image="new:1", status="Downloading", bytes_done=1, bytes_total=2)
DOWN = PullFailed("the registry is down")


def images(
    runtime: FakeRuntime, told: list[tuple[bool, str]] | None = None, notices: list[str] | None = None
) -> Images:
    return Images(
        runtime,
        auth_for=lambda _reference: None,
        on_pull=lambda _progress, done, error: told.append((done, error)) if told is not None else None,
        notice=(notices if notices is not None else []).append,
    )


@pytest.mark.parametrize("policy", ["missing", "never", "fallback"])
def test_what_is_there_is_enough(policy: str) -> None:
    runtime = FakeRuntime(["there:1"], pulls={"there:1": DOWN})
    assert images(runtime).ensure("there:1", policy=policy).id == "fake:there:1"


def test_always_asks_the_registry() -> None:
    runtime = FakeRuntime(["there:1"], pulls={"there:1": DOWN})
    with pytest.raises(PullFailed):
        images(runtime).ensure("there:1", policy="always")


def test_never_names_the_policy() -> None:
    with pytest.raises(ImageNotFound, match=r"new:1 \(linux/arm64\).*pull_policy is never") as raised:
        images(FakeRuntime(pulls={"new:1": [HALF]})).ensure("new:1", policy="never", platform="linux/arm64")
    assert "pull_policy: missing" in raised.value.hint


def test_fallback_says_so() -> None:
    notices: list[str] = []
    runtime = FakeRuntime(["there:1"], pulls={"there:1": DOWN})
    images(runtime, notices=notices).ensure("there:1", policy="fallback")
    assert notices == ["image there:1 could not be pulled, so the local image is used"]
    with pytest.raises(PullFailed):
        images(FakeRuntime(pulls={"new:1": DOWN})).ensure("new:1", policy="fallback")


def test_a_pull_is_told_from_begin_to_end() -> None:
    told: list[tuple[bool, str]] = []
    images(FakeRuntime(pulls={"new:1": [HALF, HALF]}), told).ensure("new:1")
    assert told == [(False, ""), (False, ""), (False, ""), (True, "")]
    told.clear()
    with pytest.raises(PullFailed):
        images(FakeRuntime(pulls={"new:1": DOWN}), told).ensure("new:1")
    assert told == [(False, ""), (True, "the registry is down")]


def test_many_steps_wait_for_one_pull() -> None:
    runtime = FakeRuntime(pulls={"new:1": [HALF]})
    ready = images(runtime)
    threads = [threading.Thread(target=ready.ensure, args=("new:1",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runtime.called("pull")) == 1


def test_a_failed_pull_is_tried_again() -> None:
    runtime = FakeRuntime(pulls={"new:1": [HALF]})
    runtime.fail_on("pull", DOWN)
    ready = images(runtime)
    with pytest.raises(PullFailed):
        ready.ensure("new:1")
    assert ready.ensure("new:1")


class Stalling(list[PullProgress]):
    """Reports of a pull that says nothing more after the first one until it is let go."""

    def __init__(self) -> None:
        super().__init__([HALF, HALF])
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[PullProgress]:
        yield HALF
        self.begun.set()
        self.let_go.wait()
        yield HALF


def test_a_pull_that_says_nothing_is_left() -> None:
    stalling, stopped = Stalling(), Stop()
    told: list[tuple[bool, str]] = []
    runtime = FakeRuntime(pulls={"new:1": stalling})
    ready = images(runtime, told)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(ready.ensure, "new:1", stopped=stopped)
        second = pool.submit(ready.ensure, "new:1", stopped=Stop())
        assert stalling.begun.wait(60)
        stopped.set()
        with pytest.raises(RuntimeFailure, match="no longer wanted"):
            first.result()
        assert not second.done()
        stalling.let_go.set()
        assert second.result().id == "fake:new:1"
    assert len(runtime.called("pull")) == 1
    assert told[-1] == (True, "")


def test_after_that_it_is_pulled_again() -> None:
    stalling, stopped = Stalling(), Stop()
    told: list[tuple[bool, str]] = []
    runtime = FakeRuntime(pulls={"new:1": stalling})
    ready = images(runtime, told)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(ready.ensure, "new:1", stopped=stopped)
        assert stalling.begun.wait(60)
        stopped.set()
        with pytest.raises(RuntimeFailure, match="no longer wanted"):
            first.result()
    assert told[-1] == (True, str(first.exception()))
    stalling.begun.clear()
    stalling.let_go.set()
    assert ready.ensure("new:1")
    assert stalling.begun.is_set()


@pytest.mark.parametrize("policy", ["missing", "fallback"])
def test_a_stopped_run_ends_the_pull(policy: str) -> None:
    stopped = Stop()
    stopped.set()
    told: list[tuple[bool, str]] = []
    runtime = FakeRuntime(pulls={"new:1": [HALF]})
    with pytest.raises(RuntimeFailure, match="no longer wanted"):
        images(runtime, told).ensure("new:1", policy=policy, stopped=stopped)
    assert "new:1" not in runtime.images
