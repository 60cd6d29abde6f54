"""What tests of the runner use the fake for."""

from __future__ import annotations

import os

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerRequest, ImageInfo
from dagu.contracts.runtime import PullProgress
from dagu.contracts.streams import Streams
from dagu.errors import ContainerNotFound, EngineLost, ImageNotFound, PullFailed
from dagu.testing import FakeRuntime
from dagu.testing.fake_runtime import DECLARED, Call

IMAGE = "alpine:3.20"


def test_a_scripted_failure_comes_once_and_in_order() -> None:
    with FakeRuntime([IMAGE]) as runtime:
        container = runtime.create(ContainerRequest(image=IMAGE, command=("true",)))
        runtime.fail_on("start", EngineLost("the engine went away"))
        runtime.fail_on("start", ContainerNotFound("gone"))
        with pytest.raises(EngineLost):
            runtime.start(container)
        with pytest.raises(ContainerNotFound):
            runtime.start(container)
        runtime.start(container)
        assert runtime.wait(container).code == 0


def test_a_failure_may_come_several_times() -> None:
    runtime = FakeRuntime()
    runtime.fail_on("check", EngineLost("away"), times=2)
    for _ in range(2):
        with pytest.raises(EngineLost):
            runtime.check()
    assert runtime.check().name == "fake"


def test_a_failure_of_an_unknown_method_is_a_mistake_of_the_test() -> None:
    with pytest.raises(ValueError, match="strat"):
        FakeRuntime().fail_on("strat", EngineLost("away"))


def test_calls_are_recorded_with_their_arguments() -> None:
    with FakeRuntime([IMAGE]) as runtime:
        request = ContainerRequest(image=IMAGE, command=("true",))
        container = runtime.create(request)
        runtime.stop(container, grace=1.0)
        runtime.remove(container)
    assert runtime.calls == (
        Call("create", (request,)),
        Call("stop", (container,), (("grace", 1.0),)),
        Call("remove", (container,)),
        Call("close"),
    )
    assert runtime.called("remove") == (Call("remove", (container,)),)


def test_a_failed_call_is_recorded_too() -> None:
    runtime = FakeRuntime()
    runtime.fail_on("create", EngineLost("away"))
    with pytest.raises(EngineLost):
        runtime.create(ContainerRequest(image=IMAGE))
    assert [call.method for call in runtime.calls] == ["create"]


def test_pulls_report_what_was_scripted() -> None:
    progress = [PullProgress(image="a:1", status="downloading"), PullProgress(image="a:1", status="done")]
    runtime = FakeRuntime([], pulls={"a:1": progress, "b:1": ImageNotFound("no such image")})
    seen: list[PullProgress] = []
    runtime.pull("a:1", on_progress=seen.append)
    assert seen == progress
    assert runtime.find_image("a:1") is not None
    with pytest.raises(ImageNotFound):
        runtime.pull("b:1")
    with pytest.raises(PullFailed):
        runtime.pull("c:1")


def test_images_bring_entry_point_command_and_environment() -> None:
    image = ImageInfo(id="1", entrypoint=("echo",), command=("a", "b"), env={"X": "1"})
    with FakeRuntime({IMAGE: image}) as runtime:
        out: list[bytes] = []
        container = runtime.create(ContainerRequest(image=IMAGE))
        attachment = runtime.attach(container, Streams(out.append))
        runtime.start(container)
        assert runtime.wait(container).code == 0
        attachment.join()
        assert b"".join(out) == b"a b\n"


def test_more_capabilities_may_be_claimed() -> None:
    with FakeRuntime(capabilities=DECLARED | {Capability.MEMORY_LIMIT}) as runtime:
        assert runtime.create(ContainerRequest(image=IMAGE, memory=1024))


def test_closing_removes_what_is_left() -> None:
    runtime = FakeRuntime()
    container = runtime.create(ContainerRequest(image=IMAGE, command=("sleep", "86400")))
    runtime.start(container)
    pid = runtime.inspect(container).pid
    runtime.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
