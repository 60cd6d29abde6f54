"""Whether memory ran out in a container, where Podman does not tell: it does not on cgroup v1.

The kernel signals an eventfd when a cgroup runs out of memory, before it kills, and once more when the cgroup goes.
Source: section 10 of the kernel's ``cgroup-v1/memory.rst``; the second signal was seen, and is in ``memcontrol-v1.c``.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup/memory")
_LATE = (
    0.5  # seconds in which the kernel's second signal comes, if the first was read only after the cgroup went
)
_DECIDE = 10.0


class OomWatch:
    """Watches the cgroup of one container's process, on a thread of its own, until that process has ended.

    Args:
        pid: The container's first process, which must not have been started yet.

    Raises:
        OSError: Its cgroup can't be watched.
    """

    def __init__(self, pid: int) -> None:
        folder = _folder(pid)
        with contextlib.ExitStack() as undo:
            self._process = os.pidfd_open(pid)
            undo.callback(os.close, self._process)
            self._control = os.open(folder / "memory.oom_control", os.O_RDONLY)
            undo.callback(os.close, self._control)
            self._events = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            undo.callback(os.close, self._events)
            (folder / "cgroup.event_control").write_text(f"{self._events} {self._control}")
            self._descriptors = undo.pop_all()
        self._count = 0
        self._seen = False
        self._decided = threading.Event()
        threading.Thread(target=self._watch, name="podman-oom", daemon=True).start()

    def seen(self) -> bool:
        """Whether memory ran out; to be asked when the process has ended."""
        self._decided.wait(_DECIDE)
        return self._seen

    def _watch(self) -> None:
        with self._descriptors:
            poll = select.poll()
            poll.register(self._events, select.POLLIN)
            poll.register(self._process, select.POLLIN)
            ended = there = False
            while not ended and not self._seen:
                ended = any(descriptor == self._process for descriptor, _ in poll.poll())
                # In this order: what was signalled before the cgroup is seen to be there was not that it goes.
                self._drain()
                kills = self._kills()
                there = kills is not None
                self._seen = bool(kills)
                ended = ended or not there
            if not there and not self._seen:
                # It ran out of memory, or it just went. A second signal tells.
                if self._count == 1:
                    poll.unregister(self._process)
                    poll.poll(_LATE * 1000)
                    self._drain()
                self._seen = self._count > 1
            self._decided.set()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._count += os.eventfd_read(self._events)

    def _kills(self) -> int | None:
        """How many processes were killed, None when the cgroup is gone. Kernels before 4.13 count signals only."""
        try:
            text = os.pread(self._control, 4096, 0).decode()
        except OSError:
            return None
        counts = dict(line.split() for line in text.splitlines())
        return int(counts.get("oom_kill", self._count))


def _folder(pid: int) -> Path:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _ROOT / path.lstrip("/")
    raise FileNotFoundError("the process is in no memory cgroup")
