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
    found = _marked(f"{process_tree.MARKER}={marker}".encode(), container_pid)
    number = 0 if signal == "0" else int(signal) if signal.isdigit() else signals.Signals[f"SIG{signal}"]
    for pid, pidfd in found.items():
        # The descriptor names the process that was looked at, also if its number is given out anew.
        with contextlib.suppress(ProcessLookupError):
            try:
                signals.pidfd_send_signal(pidfd, number)
            except PermissionError as error:
                raise Unsupported(f"this user may not signal process {pid}") from error
            finally:
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
    """Process number to an open descriptor of it."""
    namespace = os.readlink(_PROC / str(container_pid) / "ns" / "pid")
    parents: dict[int, int] = {}
    found: dict[int, int] = {}
    for pid in (int(each.name) for each in _PROC.iterdir() if each.name.isdigit()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            try:
                if os.readlink(_PROC / str(pid) / "ns" / "pid") != namespace:
                    continue
                pidfd = os.pidfd_open(pid)
                state, parent = _stat(pid)
                if state in "ZX":
                    os.close(pidfd)
                    continue
                parents[pid] = parent
                if entry in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
                    found[pid] = pidfd
                else:
                    os.close(pidfd)
            except PermissionError as error:
                raise Unsupported(f"this user may not look at process {pid}") from error
    return found | _descendants(found, parents)


def _descendants(found: dict[int, int], parents: dict[int, int]) -> dict[int, int]:
    """What a marked process started with an environment of its own."""
    more: dict[int, int] = {}
    grew = True
    while grew:
        grew = False
        for pid, parent in parents.items():
            if pid not in found and pid not in more and (parent in found or parent in more):
                with contextlib.suppress(ProcessLookupError):
                    more[pid] = os.pidfd_open(pid)
                    grew = True
    return more


def _stat(pid: int) -> tuple[str, int]:
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    return fields[0], int(fields[1])
