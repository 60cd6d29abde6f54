"""Leftovers are what dead owners left, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest

from dagu.contracts.container import ContainerRequest
from dagu.errors import RuntimeFailure
from dagu.sandbox import labels
from dagu.sandbox.labels import Owner
from dagu.sandbox.reaper import Leftover, leftovers, own_runner, reap
from dagu.testing import FakeRuntime

ME = Owner.me()
DEAD = replace(ME, start=ME.start + 1)
ELSEWHERE = replace(ME, host="elsewhere", boot="other")


@pytest.fixture
def runtime() -> FakeRuntime:
    return FakeRuntime()


def container(runtime: FakeRuntime, owner: Owner | str, **marks: str) -> str:
    made = {labels.OWNER: str(owner), labels.RUN: "r1", **{labels.PREFIX + key: marks[key] for key in marks}}
    return runtime.create(ContainerRequest(image="alpine:3.20", command=("sleep", "600"), labels=made))


def names(runtime: FakeRuntime, **how: bool) -> list[str]:
    return [thing.name for thing in leftovers(runtime, **how)]


def fail(thing: Leftover, error: RuntimeFailure) -> None:
    raise AssertionError(f"{thing} {error}")


def test_whose_owner_is_dead(runtime: FakeRuntime) -> None:
    container(runtime, ME)
    container(runtime, ELSEWHERE)
    container(runtime, "nonsense")
    container(runtime, DEAD, keep="true")
    dead = container(runtime, DEAD)
    assert names(runtime) == [dead]
    assert leftovers(runtime, spared=[dead]) == []
    (gone,) = reap(runtime, leftovers(runtime), failed=fail)
    assert (gone.name, gone.run) == (dead, "r1")
    assert names(runtime) == []
    assert len(runtime.find()) == 4


def test_what_can_not_be_known_is_left_alone_unless_told(runtime: FakeRuntime) -> None:
    far = container(runtime, ELSEWHERE)
    assert names(runtime) == []
    assert names(runtime, unknown=True) == [far]


def test_a_runner_in_a_container_is_dead_with_it(
    runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = runtime.create(ContainerRequest(image="alpine:3.20", command=("sleep", "600")))
    runtime.start(own)
    monkeypatch.setattr("dagu.sandbox.reaper.own_container_ids", lambda: ("f" * 64, own))
    mark = own_runner(runtime)
    assert mark.startswith(f"{own}@")
    made = container(runtime, ELSEWHERE, runner=mark)
    assert names(runtime) == []
    runtime.kill(own)
    runtime.wait(own)
    assert names(runtime) == [made]
    runtime.remove(own)
    assert names(runtime) == [made]


def test_a_runner_whose_container_was_started_anew_is_dead(runtime: FakeRuntime) -> None:
    own = runtime.create(ContainerRequest(image="alpine:3.20", command=("sleep", "600")))
    runtime.start(own)
    made = container(runtime, ELSEWHERE, runner=f"{own}@1.000")
    assert names(runtime) == [made]


def test_what_was_taken_up_is_left_alone(runtime: FakeRuntime) -> None:
    class Claims:
        def unclaimed(self, marks: Mapping[str, str]) -> AbstractContextManager[bool]:
            return nullcontext(marks[labels.STEP] != "taken")

    taken = container(runtime, DEAD, step="taken")
    container(runtime, DEAD, step="left")
    assert [thing.step for thing in reap(runtime, leftovers(runtime), failed=fail, claims=Claims())] == [
        "left"
    ]
    assert names(runtime) == [taken]
