"""Whether the kernel killed a command of a shared container for the container's memory limit.

Engines tell that of a container's end, not of an exec's. The container's own cgroup counts such kills: ``oom_kill`` in
``memory.events`` (cgroup v2) and ``memory.oom_control`` (v1, Linux 4.13). Source: the kernel's cgroup documentation.
"""

from __future__ import annotations

import threading
from io import BytesIO

from dagu.contracts.container import ExecRequest, ExitStatus
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu.errors import RuntimeFailure

KILLED = 137
_LOOK = ("cat", "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


class OomKills:
    """The kills of one container so far."""

    def __init__(self, runtime: ContainerRuntime, container: str) -> None:
        self._runtime = runtime
        self._container = container
        self._lock = threading.Lock()
        self._known = 0

    def judged(self, status: ExitStatus) -> ExitStatus:
        """How a command ended, with ``oom_killed`` set if there was a kill since the last that was told."""
        if status.code != KILLED or status.oom_killed:
            return status
        with self._lock:
            count = self._count()
            more = count > self._known
            self._known = max(count, self._known)
        return ExitStatus(code=status.code, oom_killed=more, error=status.error)

    def _count(self) -> int:
        output = BytesIO()
        try:
            # One of the two files is missing, so its exit code says nothing.
            self._runtime.exec(self._container, ExecRequest(argv=_LOOK), Streams(stdout=output.write)).wait()
        except RuntimeFailure:  # no such program, or the container is gone: then nobody knows
            return 0
        pairs = (line.split() for line in output.getvalue().decode(errors="replace").splitlines())
        return sum(int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] == "oom_kill")
