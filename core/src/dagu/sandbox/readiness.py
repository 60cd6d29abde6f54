"""Waiting until a container can be used: running, healthy, or until its log says so."""

from __future__ import annotations

import re
import threading
import time

from dagu.contracts.container import ContainerState, Health
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import ContainerNotFound, RuntimeFailure

LIMIT = 120.0
"""Seconds that a container may take; all conditions share them."""
_INTERVAL = 0.1
"""Seconds between two looks; engines tell a container's state and health only when asked."""


class LogWatch:
    """Sees whether a pattern occurs in a container's output. ``feed`` is a sink; lines may come in pieces."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._seen = threading.Event()
        self._rest = ""

    def feed(self, block: bytes) -> None:
        """Look at a block of output."""
        if self._seen.is_set():
            return
        *lines, self._rest = (self._rest + block.decode(errors="replace")).split("\n")
        if any(self._pattern.search(line) for line in [*lines, self._rest]):
            self._seen.set()

    def wait(self, seconds: float) -> bool:
        """Block until the pattern was seen; False after ``seconds``."""
        return self._seen.wait(max(0.0, seconds))


class Readiness:
    """One container's way to being usable, within one limit for all conditions.

    Args:
        stopped: Set when the run is no longer wanted; the wait then ends with an error.
    """

    def __init__(
        self, runtime: ContainerRuntime, container: str, *, stopped: threading.Event, limit: float = LIMIT
    ) -> None:
        self._runtime = runtime
        self._container = container
        self._stopped = stopped
        self._limit = limit
        self._deadline = time.monotonic() + limit

    def running(self, *, may_appear: bool = False) -> ContainerState:
        """Wait until it runs. ``may_appear``: it may be started by somebody else in the meantime.

        Raises:
            RuntimeFailure: It ended, or the limit ran out; the message tells the last state.
        """
        while True:
            state = self._runtime.inspect(self._container)
            if state.running:
                return state
            if state.exit is not None and not may_appear:
                raise RuntimeFailure(
                    f"container {state.name} ended before it was ready (exit code {state.exit.code})",
                    hint="its command must keep running; see `startup` and `command`",
                )
            self._pause(f"not running: {state.status.value}")

    def healthy(self) -> bool:
        """Wait until its health check passes. False, at once, where it has none.

        Raises:
            RuntimeFailure: It ended or stayed unhealthy; the message tells the last state.
        """
        while True:
            state = self.running()
            if state.health is Health.NONE:
                return False
            if state.health is Health.HEALTHY:
                return True
            self._pause(f"health is {state.health.value}")

    def logged(self, watch: LogWatch, pattern: str) -> None:
        """Wait until the pattern was seen in the log.

        Raises:
            RuntimeFailure: It ended or the limit ran out.
        """
        while not watch.wait(_INTERVAL):
            self.running()
            self._pause(f"log_pattern {pattern!r} was not seen in its log", waited=True)

    def _pause(self, last: str, *, waited: bool = False) -> None:
        if time.monotonic() >= self._deadline:
            raise RuntimeFailure(
                f"container {self._name()} was not ready within {self._limit:g} s; last state: {last}"
            )
        if self._stopped.wait(0 if waited else _INTERVAL):
            raise RuntimeFailure(f"container {self._name()} is no longer wanted: the run was stopped")

    def _name(self) -> str:
        try:
            return self._runtime.inspect(self._container).name
        except ContainerNotFound:
            return self._container
