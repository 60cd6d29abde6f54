"""Holds the input of an exec back until it is wanted.

Podman 4.3 loses the end of a command's output when the command ends while input waits in conmon's socket: the reset of
the one direction takes the other along. So input is sent when somebody reads, and no more of it than what conmon and
the pipe to the command take at once. A command that ends without reading is sent nothing.
"""

from __future__ import annotations

import array
import fcntl
import os
import stat
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dagu.contracts.streams import BLOCK

_WINDOW = 32 * 1024  # bytes; conmon takes that much at a time, and a pipe twice as much
_SETTLE = 0.1  # seconds until a command that polls, or can't be seen, gets input: it may just be about to end
_GIVE_UP = 2.0  # seconds until a command that neither reads nor polls gets input all the same
_LOOKS = 3  # in a row that find the pipe empty, for such a command: what was sent may be under way
_PAUSE = 0.001  # seconds
_LONGEST_PAUSE = 0.02
_READING = ("pipe_read", "pipe_wait")
_POLLING = ("poll", "select", "cqring")  # names of the kernel's functions differ by version


class PipeGate:
    """Tells how much input to send.

    Args:
        find_pid: Waits until the command runs and gives its process; 0 when it has ended.
        local: The process is in this machine's process table.
    """

    def __init__(self, find_pid: Callable[[], int], *, local: bool) -> None:
        self._find_pid = find_pid
        self._pid: int | None = None
        self._pipe = 0
        self._seen = local
        self._begun = 0.0

    def __call__(self) -> int:
        """Wait until more input is wanted.

        Returns:
            How many bytes to send at most; 0 when nobody will read more.
        """
        if self._pid is None:
            self._pid = self._find_pid()
            self._begun = time.monotonic()
            if self._pid and not self._seen:
                time.sleep(_SETTLE)
                self._pid = self._find_pid()
        if not self._pid:
            return 0
        empty, pause = 0, _PAUSE
        while self._seen:
            waiting = self._waiting(self._pid)
            if waiting is None:
                return 0
            empty = 0 if waiting else empty + 1
            doing = "" if waiting else _doing(self._pid, self._pipe)
            if doing == "read":
                return _WINDOW
            patience = _SETTLE if doing == "poll" else _GIVE_UP
            if empty >= _LOOKS and time.monotonic() >= self._begun + patience:
                return _WINDOW
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE) if not doing else _PAUSE
        return BLOCK

    def _waiting(self, pid: int) -> int | None:
        """Bytes that wait in the pipe; None when the process is gone. 1 when they can't be seen, from then on."""
        try:
            descriptor = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            if _ended(pid):
                return None
            self._seen = False
            return 1
        try:
            found = os.fstat(descriptor)
            self._pipe = self._pipe or found.st_ino
            if not stat.S_ISFIFO(found.st_mode) or found.st_ino != self._pipe:
                self._seen = False  # the process took something else for its standard input
                return 1
            count = array.array("i", [0])
            fcntl.ioctl(descriptor, termios.FIONREAD, count)
            return count[0]
        finally:
            os.close(descriptor)


def _ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie: that has no descriptors any more, either."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def _doing(pid: int, pipe: int) -> str:
    """``read`` when a process, or one that it started, is just reading the pipe; ``poll`` when one polls."""
    found = ""
    for task in _tasks(pid):
        try:
            where = (task / "wchan").read_text()
            if any(name in where for name in _READING) and _first_argument(task) == pipe:
                return "read"
        except OSError:
            continue  # it ended, or the kernel does not tell
        if any(name in where for name in _POLLING):
            found = "poll"
    return found


def _first_argument(task: Path) -> int:
    """The inode of the descriptor that a thread's system call is about."""
    words = (task / "syscall").read_text().split()
    if len(words) < 2:
        return 0  # it runs by now
    return (task / "fd" / str(int(words[1], 16))).stat().st_ino


def _tasks(pid: int) -> Iterator[Path]:
    """The threads of a process and of its descendants."""
    children: list[str] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield task
            children += (task / "children").read_text().split()
    except OSError:
        return  # it ended
    for child in children:
        yield from _tasks(int(child))
