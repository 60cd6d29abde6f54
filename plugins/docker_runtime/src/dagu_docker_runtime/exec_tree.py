"""Ending an exec and everything that it started, which the engine itself can't."""

from __future__ import annotations

import time
from collections.abc import Callable

from dagu.contracts import process_tree
from dagu.contracts.container import ExitStatus
from dagu.contracts.streams import Sink
from dagu.errors import CommandForbidden, CommandNotFound, ContainerNotFound, RequestRefused, Unsupported
from dagu_docker_runtime import host_processes
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.inspection import inspect

Run = Callable[[str, tuple[str, ...], str, bool, Sink], ExitStatus]
"""Runs a command in a container: container, argv, user, privileged, sink of its output."""
Sweep = Callable[[str], int]
"""Sends a signal (``0``: none) to what is left of the exec, and says how much was left."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
_KILL_LIMIT = 30.0
"""Seconds after which what can't be killed (a process stuck in the kernel) is the container's matter."""
_BLIND_AFTER = 5


class _Enough(Exception):
    """The line was read."""


class _FirstLine:
    """A sink for one line.

    The engine takes note of the ends of a container's execs one after the other, and waits two seconds for each
    whose output is still held open by what it left behind. The answer is there long before.
    """

    def __init__(self) -> None:
        self.text = b""

    def __call__(self, block: bytes) -> None:
        self.text += block
        if self.text.endswith(b"\n"):
            raise _Enough


class ExecTree:
    """The processes of one exec, known by the variable that they inherit."""

    def __init__(self, client: Client, container: str, marker: str, user: str, *, run: Run) -> None:
        self._client, self._container, self._marker, self._user, self._run = (
            client,
            container,
            marker,
            user,
            run,
        )

    def end(
        self,
        signal: str,
        grace: float,
        *,
        running: Callable[[], bool | None],
        ended_within: Callable[[float], bool],
    ) -> None:
        """Signal all of it, wait ``grace`` seconds, kill until nothing is left.

        Args:
            running: Whether the first process runs; None if it is about to.
            ended_within: Waits for the end of the exec's output.

        Raises:
            Unsupported: There is no way in this container.
        """
        try:
            for sweep in (self._sweep_as_root, self._sweep_unprivileged, self._sweep_host):
                if self._end_with(sweep, signal.removeprefix("SIG"), grace, running, ended_within):
                    return
        except ContainerNotFound:
            return  # nothing outlives its container
        raise Unsupported(
            f"what was executed in the container {self._container[:12]} cannot be ended alone",
            hint="an image with /bin/sh, tr, grep and cat makes it possible; else end the container",
        )

    def _end_with(
        self,
        sweep: Sweep,
        signal: str,
        grace: float,
        running: Callable[[], bool | None],
        ended_within: Callable[[float], bool],
    ) -> bool:
        """Try it one way. False if that way is closed, or blind to a process that is known to run."""
        deadline = time.monotonic() + max(grace, 0.0)
        give_up = deadline + _KILL_LIMIT
        sent, pause, unseen = False, _FIRST_PAUSE, 0
        while time.monotonic() < give_up:
            alive = running()  # before the sweep: whatever starts after a sweep would be missed by it
            late = time.monotonic() >= deadline
            try:
                left = sweep("KILL" if late else "0" if sent else signal)
            except (CommandNotFound, CommandForbidden, RequestRefused, Unsupported):
                return False
            if not left and alive is False:
                return True
            unseen = unseen + 1 if alive and not left else 0
            if unseen >= _BLIND_AFTER:
                return False
            sent = sent or left > 0
            rest = _FIRST_PAUSE if late else min(pause, max(deadline - time.monotonic(), 0.0))
            pause = min(pause * 2, _LONGEST_PAUSE)
            # Its end is waited for; what it left behind gives no sign, so that has to be looked for.
            if alive is False or ended_within(rest):
                time.sleep(rest)
        return False

    def _sweep_as_root(self, signal: str) -> int:
        # Root of the image alone may not read the environment of other users' processes.
        return self._sweep(signal, user="0", privileged=True)

    def _sweep_unprivileged(self, signal: str) -> int:
        # For engines that have no privileges to give: the user finds its own by their environment, root finds
        # what they started as somebody else by descent.
        left = self._sweep(signal, user=self._user, privileged=False)
        return max(left, self._sweep(signal, user="0", privileged=False))

    def _sweep(self, signal: str, *, user: str, privileged: bool) -> int:
        output = _FirstLine()
        try:
            status = self._run(
                self._container, process_tree.sweep_argv(self._marker, signal), user, privileged, output
            )
        except _Enough:
            status = ExitStatus(code=0)
        if status.code != 0 or not output.text.strip().isdigit():
            inspect(self._client, self._container)  # a container that just ended explains it
            raise Unsupported("the container lacks what the search for processes takes")
        return int(output.text)

    def _sweep_host(self, signal: str) -> int:
        """For images without a shell, where the engine's processes are this machine's."""
        told = inspect(self._client, self._container)
        if not told["State"]["Running"]:
            raise ContainerNotFound(f"the container {self._container} does not run")
        if not self._client.endpoint.loopback:
            raise Unsupported("the engine runs on another machine")
        return host_processes.sweep(self._marker, signal, container_pid=int(told["State"]["Pid"]))
