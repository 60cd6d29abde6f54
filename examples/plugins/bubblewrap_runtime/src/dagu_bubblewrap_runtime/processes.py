"""Processes of containers, seen from the machine: one main process, and the tree of an exec."""

from __future__ import annotations

import os
import select
import signal as signals
import time
from pathlib import Path

from dagu.contracts.process_tree import MARKER


def birth(pid: int) -> int:
    """When a process began, in ticks since boot; with its id it names it for ever. 0: it does not run."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if state in "ZX" else int(rest[18])


def end_process(pid: int, signal: str, grace: float) -> None:
    """Send a signal, wait ``grace`` seconds, then kill. It is gone on return, or already was."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        watch = select.poll()
        watch.register(descriptor, select.POLLIN)
        _send({pid}, signal)
        if not watch.poll(grace * 1000):
            _send({pid}, "KILL")
            watch.poll()
    finally:
        os.close(descriptor)


def send(pid: int, signal: str) -> None:
    """Send a signal; gone is fine."""
    _send({pid}, signal)


def end_tree(mark: str, *, signal: str, grace: float) -> None:
    """Signal every process whose environment holds the mark, and kill what is left after ``grace`` seconds."""
    end = time.monotonic() + grace
    _send(_marked(mark), signal)
    passes_without = 0
    # In the middle of execve(2) a process has no environment to read: only a second look is sure.
    while passes_without < 2:
        left = _marked(mark)
        passes_without = 0 if left else passes_without + 1
        if time.monotonic() >= end:
            _send(left, "KILL")
        time.sleep(0.01)  # processes that are not our children can't be waited for


def number_of(signal: str) -> int:
    """The number of a signal from its name, with or without ``SIG``, or from its number as text."""
    if signal.isdigit():
        return int(signal)
    return signals.Signals[signal if signal.startswith("SIG") else f"SIG{signal}"].value


def _send(processes: set[int], signal: str) -> None:
    for process in processes:
        try:
            os.kill(process, number_of(signal))
        except ProcessLookupError:
            continue


def _marked(mark: str) -> set[int]:
    """The living processes with the mark, and their descendants, which may have cleared their environment."""
    entry_wanted = f"{MARKER}={mark}".encode()
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:2]
            if state in (b"Z", b"X"):
                continue
            parents[int(entry.name)] = int(parent)
            if entry_wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    grown = True
    while grown:
        more = {process for process, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found
