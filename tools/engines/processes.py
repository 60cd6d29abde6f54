"""Daemons that outlive this command: starting them, knowing them again, ending them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Identity:
    """A process that can't be mistaken for a later one with its number.

    Attributes:
        pid: The process.
        started: Its start in clock ticks since boot.
    """

    pid: int
    started: int

    def alive(self) -> bool:
        return identify(self.pid) == self


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold spaces and parentheses of its own.
    return text.rpartition(")")[2].split()


def identify(pid: int) -> Identity | None:
    """The process of that number; None for one that is gone or a zombie, which some init processes never reap."""
    fields = _stat(pid)
    if fields is None or fields[0] in "ZX":
        return None
    return Identity(pid, int(fields[19]))


def pids() -> list[int]:
    """All processes of the moment."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def of_program(names: tuple[str, ...], below: Path) -> list[int]:
    """Processes of these programs that have a path below a folder among their arguments."""
    mark = f"{below}/".encode()
    result = []
    for pid in pids():
        try:
            program, *arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if program.decode().rpartition("/")[2] in names and any(a.startswith(mark) for a in arguments):
            result.append(pid)
    return result


def descendants(roots: Iterable[int]) -> list[int]:
    """The processes and all that come from them, parents first."""
    children: dict[int, list[int]] = {}
    for pid in pids():
        fields = _stat(pid)
        if fields is not None:
            children.setdefault(int(fields[1]), []).append(pid)
    result = list(roots)
    for pid in result:
        result.extend(child for child in children.get(pid, ()) if child not in result)
    return result


def spawn(argv: list[str], log: Path, environment: Mapping[str, str], **rest: Any) -> subprocess.Popen[bytes]:
    """Start a daemon in a session of its own, with its output appended to ``log``.

    Args:
        rest: Further arguments of ``Popen``, such as ``user``.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(environment),
            cwd="/",
            **rest,
        )


def end(process: Identity, grace: float = 0.0) -> None:
    """Ask a process to end, and after ``grace`` seconds make it, at once without grace; returns when it is gone."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if not process.alive():
            return
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        steps = [(signal.SIGTERM, grace)] if grace else []
        for number, seconds in (*steps, (signal.SIGKILL, 10.0)):
            try:
                signal.pidfd_send_signal(handle, number)
            except ProcessLookupError:
                return
            if waiting.poll(seconds * 1000):
                return
    finally:
        os.close(handle)


def kill_all(numbers: Iterable[int]) -> None:
    """SIGKILL each process that is still there and wait until it is gone."""
    for process in [identify(pid) for pid in numbers]:
        if process is not None:
            end(process)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for a message."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
