"""Waiting until a container can be used: running, healthy, or until its log says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dagu.contracts.container import ContainerState, ContainerStatus, ExitStatus, Health
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import ContainerNotFound, RuntimeFailure

LIMIT = 120.0
"""Seconds that a container may take; all conditions share them."""
_INTERVAL = 0.1
"""Seconds between two looks; engines tell a container's state and health only when asked."""
_LONGEST = 64 * 1024
"""Characters of an unfinished line that are kept."""


class LogWatch:
    """Sees whether a line of a container's output is the one waited for. ``feed`` is a sink; lines may come in pieces.

    Args:
        found: Whether a line, or what there is of it so far, is the one.
    """

    def __init__(self, found: Callable[[str], bool]) -> None:
        self._found = found
        self._seen = threading.Event()
        self._rest = ""

    def feed(self, block: bytes) -> None:
        """Look at a block of output."""
        if self._seen.is_set():
            return
        *lines, rest = (self._rest + block.decode(errors="replace")).split("\n")
        if any(self._found(line) for line in [*lines, rest]):
            self._seen.set()
        self._rest = rest[-_LONGEST:]

    def wait(self, seconds: float) -> bool:
        """Block until the line was seen; False after ``seconds``."""
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

    def running(self) -> ContainerState:
        """Wait until it runs.

        Raises:
            RuntimeFailure: It ended, or the limit ran out; the message tells the last state.
        """
        while True:
            try:
                state = self._runtime.inspect(self._container)
            except ContainerNotFound as error:
                raise RuntimeFailure("the container ended before it was ready, and removed itself") from error
            if state.running:
                return state
            if state.exit is not None and state.status is not ContainerStatus.RESTARTING:
                raise RuntimeFailure(
                    f"container {state.name} ended before it was ready ({describe(state.exit)})",
                    hint="its command must keep running; see `startup` and `command`",
                )
            self._pause(f"not running: {state.status.value}")

    def appearing(self, *, waiting: Callable[[str], object]) -> ContainerState:
        """Wait until a container that somebody else makes and starts is there and runs.

        Args:
            waiting: Told once, if it has to be waited for, what its state is.

        Raises:
            RuntimeFailure: The limit ran out; the message tells the last state.
        """
        told = False
        while True:
            try:
                state = self._runtime.inspect(self._container)
            except ContainerNotFound:
                last = "there is no such container"
            else:
                if state.running:
                    return state
                last = f"{state.status.value} ({describe(state.exit)})" if state.exit else state.status.value
            if not told:
                waiting(last)
                told = True
            self._pause(last)

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
                f"container {self._name()} was not ready within {self._limit:g} s; last state: {last}",
                hint="see its log with the engine's own `logs`, and start it beforehand if it is yours",
            )
        if self._stopped.wait(0 if waited else _INTERVAL):
            raise RuntimeFailure(f"container {self._name()} is no longer wanted: the run was stopped")

    def _name(self) -> str:
        try:
            return self._runtime.inspect(self._container).name
        except ContainerNotFound:
            return self._container


def describe(status: ExitStatus) -> str:
    """How a container ended, in a few words."""
    killed = ", killed for its memory limit" if status.oom_killed else ""
    said = f", {status.error}" if status.error else ""
    return f"exit code {status.code}{killed}{said}"
