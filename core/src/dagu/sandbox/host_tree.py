"""Ending a process and everything that it started, on this machine.

The process group takes what stayed in it; what called ``setsid`` or became a daemon is found by a unique variable
in its environment (``/proc/PID/environ``) or as a descendant. Source: proc(5).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal as signals
import subprocess
import time
from collections.abc import Iterable, Mapping


def end_tree(process: subprocess.Popen[bytes], marker: str, *, signal: str, grace: float) -> None:
    """Signal the whole tree, wait up to ``grace`` seconds, then kill what is left until nothing is.

    Args:
        process: The tree's first process, the leader of its session.
        marker: ``NAME=value`` as it stands in the environment of all of them.
        signal: Name without ``SIG``.
        grace: Seconds.
    """
    number = signals.Signals[f"SIG{signal}"]
    members = _members(process, marker)
    _signal(members, number)
    if number is not signals.SIGKILL:
        _await_end(members, time.monotonic() + grace)
    # A process may fork while it is being looked for, so look again until a pass finds nothing.
    while members := _members(process, marker):
        _signal(members, signals.SIGKILL)
        _await_end(members, time.monotonic() + 1)


def _signal(members: Iterable[int], number: int) -> None:
    for pid in members:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _await_end(members: Iterable[int], deadline: float) -> None:
    for pid in members:
        try:
            descriptor = os.pidfd_open(pid)
        except (ProcessLookupError, PermissionError):
            continue
        try:
            # A pidfd becomes readable when its process ends.
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        finally:
            os.close(descriptor)


def _members(process: subprocess.Popen[bytes], marker: str) -> set[int]:
    wanted = marker.encode()
    parents: dict[int, int] = {}
    found: set[int] = set()
    for pid in pids():
        stat = _stat(pid)
        if stat is None:
            continue
        state, parent, group = stat
        if state in "ZX":
            continue
        parents[pid] = parent
        if process.pid in (group, pid) or wanted in environ(pid):
            found.add(pid)
    found.discard(os.getpid())
    return _closed(found, parents)


def with_descendants(found: set[int]) -> set[int]:
    """Those processes and all that descend from them, without the dead."""
    if not found:
        return found
    stats = {pid: stat for pid in pids() if (stat := _stat(pid)) is not None and stat[0] not in "ZX"}
    return _closed(found & stats.keys(), {pid: parent for pid, (_, parent, _) in stats.items()})


def _closed(found: set[int], parents: Mapping[int, int]) -> set[int]:
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found = found | grown
    return found


def pids() -> Iterable[int]:
    """All processes that can be seen."""
    return (int(entry) for entry in os.listdir("/proc") if entry.isdigit())


def _stat(pid: int) -> tuple[str, int, int] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode(), int(fields[1]), int(fields[2])


def environ(pid: int) -> list[bytes]:
    """The environment that a process began with; empty if this user may not look."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []
