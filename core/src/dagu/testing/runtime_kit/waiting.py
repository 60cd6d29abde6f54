"""Waiting and ending: ``wait``, ``stop``, ``kill`` and ``remove``, in any order and from any thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dagu.contracts.capability import Capability
from dagu.contracts.streams import Streams
from dagu.errors import ContainerNotFound
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab
from dagu.testing.runtime_kit.probes import HANG_GUARD, Output

NOBODY = "dagu-kit-no-such-container"


class Waiting(Kit):
    def test_wait_before_the_end(self, lab: Lab) -> None:
        container = lab.up()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lab.runtime.wait, container)
            assert not waiting.done()
            lab.runtime.kill(container)
            assert waiting.result(HANG_GUARD).code == 137

    def test_wait_after_the_end_as_often_as_asked(self, lab: Lab) -> None:
        container = lab.create("sh", "-c", "exit 5")
        lab.runtime.start(container)
        assert [lab.runtime.wait(container).code for _ in range(3)] == [5, 5, 5]

    def test_wait_from_several_threads(self, lab: Lab) -> None:
        container = lab.up()
        with ThreadPoolExecutor(4) as pool:
            waiting = [pool.submit(lab.runtime.wait, container) for _ in range(4)]
            lab.runtime.kill(container)
            assert [one.result(HANG_GUARD).code for one in waiting] == [137] * 4

    def test_wait_ends_when_the_container_is_removed(self, lab: Lab) -> None:
        container = lab.up()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lab.runtime.wait, container)
            lab.runtime.remove(container)
            try:
                assert waiting.result(HANG_GUARD).code == 137
            except ContainerNotFound:
                return

    def test_stop_sends_term_and_lets_it_end(self, lab: Lab) -> None:
        stdout = Output()
        script = 'trap "echo bye; exit 7" TERM; echo ready; sleep 86400 & wait'
        container, attachment = lab.launch("sh", "-c", script, stdout=stdout)
        stdout.wait_for(b"ready")
        lab.runtime.stop(container, grace=120.0)
        assert lab.runtime.wait(container).code == 7
        attachment.join()
        assert stdout.data == b"ready\nbye\n"

    def test_stop_kills_what_ignores_the_signal(self, lab: Lab) -> None:
        stdout = Output()
        script = 'trap "" TERM; echo ready; while :; do sleep 86400; done'
        container, _ = lab.launch("sh", "-c", script, stdout=stdout)
        stdout.wait_for(b"ready")
        lab.runtime.stop(container, grace=1.0)
        assert lab.runtime.wait(container).code == 137

    def test_stop_without_grace_kills(self, lab: Lab) -> None:
        container = lab.up()
        lab.runtime.stop(container, grace=0.0)
        assert not lab.state(container).running

    @needs(Capability.STOP_SIGNAL)
    def test_stop_sends_the_signal_it_is_told(self, lab: Lab) -> None:
        assert _trapped(
            lab, "USR1", lambda container: lab.runtime.stop(container, signal="USR1", grace=120.0)
        )

    @needs(Capability.STOP_SIGNAL)
    def test_stop_sends_the_signal_of_the_request(self, lab: Lab) -> None:
        assert _trapped(
            lab, "INT", lambda container: lab.runtime.stop(container, grace=120.0), stop_signal="INT"
        )

    def test_kill_sends_the_signal_it_is_told(self, lab: Lab) -> None:
        assert _trapped(lab, "USR2", lambda container: lab.runtime.kill(container, signal="USR2"))

    def test_stop_is_idempotent(self, lab: Lab) -> None:
        container = lab.up()
        for _ in range(3):
            lab.runtime.stop(container, grace=0.0)
        lab.runtime.remove(container)
        lab.runtime.stop(container)
        lab.runtime.stop(NOBODY)

    def test_kill_is_idempotent(self, lab: Lab) -> None:
        container = lab.up()
        lab.runtime.kill(container)
        lab.runtime.wait(container)
        lab.runtime.kill(container)
        lab.runtime.remove(container)
        lab.runtime.kill(container)
        lab.runtime.kill(NOBODY)

    def test_remove_is_idempotent(self, lab: Lab) -> None:
        container = lab.create("true")
        for _ in range(3):
            lab.runtime.remove(container)
        lab.runtime.remove(NOBODY)

    def test_remove_kills_what_runs(self, lab: Lab) -> None:
        container = lab.up()
        lab.runtime.remove(container)
        with pytest.raises(ContainerNotFound):
            lab.state(container)

    def test_several_threads_may_end_one_container(self, lab: Lab) -> None:
        container = lab.up()
        with ThreadPoolExecutor(6) as pool:
            ends = (lab.runtime.kill, lab.runtime.remove, lambda one: lab.runtime.stop(one, grace=0.0))
            for done in [pool.submit(end, container) for end in ends * 2]:
                done.result(HANG_GUARD)
        with pytest.raises(ContainerNotFound):
            lab.state(container)

    def test_a_gone_container_is_not_found(self, lab: Lab) -> None:
        for ask in (
            lab.runtime.inspect,
            lab.runtime.start,
            lab.runtime.wait,
            lambda container: lab.runtime.attach(container, Streams()),
        ):
            with pytest.raises(ContainerNotFound) as raised:
                ask(NOBODY)
            assert NOBODY in str(raised.value)


def _trapped(lab: Lab, signal: str, send: Callable[[str], object], **fields: Any) -> bool:
    """Whether the main process got the signal and ended by its own handler."""
    stdout = Output()
    script = f'trap "exit 9" {signal}; echo ready; sleep 86400 & wait'
    container, _ = lab.launch("sh", "-c", script, stdout=stdout, **fields)
    stdout.wait_for(b"ready")
    send(container)
    return lab.runtime.wait(container).code == 9
