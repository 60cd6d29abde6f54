"""Processes of a container, seen from the machine: for engines on this machine and a user who may look."""

from __future__ import annotations

import contextlib
import os
import signal as signals
from pathlib import Path

from dagu.contracts import process_tree
from dagu.errors import Unsupported

_PROC = Path("/proc")


def sweep(marker: str, signal: str, *, container_pid: int) -> int:
    """Send a signal to every process that carries the marker, and to their descendants.

    Args:
        signal: A name without ``SIG``, or ``0`` for none.
        container_pid: The container's main process, as the engine numbers it.

    Returns:
        How many there were.

    Raises:
        Unsupported: The engine's process numbers mean nothing here, or this user may not look.
    """
    if not _is_first_of_namespace(container_pid):
        raise Unsupported("the container's processes are not visible from here")
    entry = f"{process_tree.MARKER}={marker}".encode()
    # A process that executes a program has no environment for a moment.
    found = _marked(entry, container_pid) or _marked(entry, container_pid)
    number = 0 if signal == "0" else int(signal) if signal.isdigit() else signals.Signals[f"SIG{signal}"]
    try:
        for pidfd in found.values():
            # The descriptor names the process that was looked at, also if its number is given out anew.
            with contextlib.suppress(ProcessLookupError):
                signals.pidfd_send_signal(pidfd, number)
    except PermissionError as error:
        raise Unsupported(f"this user may not signal the processes: {error}") from error
    finally:
        for pidfd in found.values():
            os.close(pidfd)
    return len(found)


def _is_first_of_namespace(pid: int) -> bool:
    """Whether a process is the first of a process namespace below ours, as a container's main process is."""
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return False
    line = next((line for line in status.splitlines() if line.startswith("NSpid:")), "")
    numbers = line.split()[1:]
    return len(numbers) > 1 and numbers[-1] == "1"


def _marked(entry: bytes, container_pid: int) -> dict[int, int]:
    """Process number to an open descriptor of it, parents before their children."""
    # What is in a container is in its control group, which everybody may read, other than its namespaces.
    group = (_PROC / str(container_pid) / "cgroup").read_bytes()
    descriptors: dict[int, int] = {}
    parents: dict[int, int] = {}
    marked: set[int] = set()
    ours: list[int] = []
    try:
        for pid in (int(each.name) for each in _PROC.iterdir() if each.name.isdigit()):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if (_PROC / str(pid) / "cgroup").read_bytes() != group:
                    continue
                # Opened before it is looked at: the signal goes to this process or to none.
                descriptors[pid] = os.pidfd_open(pid)
                parents[pid] = _parent(pid)
                if entry in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                    marked.add(pid)
        # A shell whose child dies before it gets the signal itself would go on to its next command.
        ours = [pid for pid in parents if marked & set(_ancestry(pid, parents))]
        ours.sort(key=lambda pid: len(_ancestry(pid, parents)))
        return {pid: descriptors[pid] for pid in ours}
    except PermissionError as error:
        raise Unsupported(f"this user may not look at the container's processes: {error}") from error
    finally:
        for pid in descriptors.keys() - set(ours):
            os.close(descriptors[pid])


def _ancestry(pid: int, parents: dict[int, int]) -> list[int]:
    """A process and those above it in its namespace."""
    line = [pid]
    while parents.get(line[-1], 0) in parents:
        line.append(parents[line[-1]])
    return line


def _parent(pid: int) -> int:
    """The number of a living process' parent.

    Raises:
        ProcessLookupError: It is a zombie.
    """
    state, parent = (_PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()[:2]
    if state in "ZX":
        raise ProcessLookupError(pid)
    return int(parent)
