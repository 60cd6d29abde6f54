"""A container for one command."""

from __future__ import annotations

import threading

import pytest

from dagu.contracts.container import ContainerRequest
from dagu.contracts.streams import Streams
from dagu.errors import DaguError
from dagu.sandbox.own import _MainProcess
from dagu.testing import FakeRuntime


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("init", [False, True])
def test_it_ends_when_its_output_can_not_be_kept(stream: str, init: bool) -> None:
    def full(block: bytes) -> None:
        raise DaguError("the output can't be logged")

    argv = ("sh", "-c", "echo one; echo one >&2; exec sleep 600")
    with FakeRuntime() as runtime:
        container = runtime.create(ContainerRequest(image="alpine:3.20", entrypoint=(), command=argv))
        streams = Streams(**{stream: full})
        process = _MainProcess(runtime, container, streams, argv=argv, image="alpine:3.20", init=init)
        with pytest.raises(DaguError, match="can't be logged"):
            process.wait()
        assert not runtime.inspect(container).running


def test_a_kill_that_came_too_early_is_repeated() -> None:
    refused = threading.Event()

    class Early(FakeRuntime):
        """Its starts take long, and meanwhile there is nothing to kill."""

        started = False

        def start(self, container: str) -> None:
            super().start(container)
            refused.wait(60)
            self.started = True

        def kill(self, container: str, *, signal: str = "KILL") -> None:
            if self.started:
                super().kill(container, signal=signal)
            refused.set()

    def full(block: bytes) -> None:
        raise DaguError("the output can't be logged")

    argv = ("sh", "-c", "echo one; exec sleep 600")
    with Early() as runtime:
        container = runtime.create(ContainerRequest(image="alpine:3.20", entrypoint=(), command=argv))
        process = _MainProcess(
            runtime, container, Streams(stdout=full), argv=argv, image="alpine:3.20", init=False
        )
        with pytest.raises(DaguError, match="can't be logged"):
            process.wait()
