"""Holds the input of an exec back until it is wanted.

Podman 4.3 loses the end of a command's output when the command ends while input waits in conmon's socket: the reset of
the one direction takes the other along. So nothing is sent before the command runs, when conmon begins to read, and
then no more than the pipe to the command takes.
"""

from __future__ import annotations

import array
import fcntl
import os
import stat
import termios
import time
from collections.abc import Callable

from dagu.contracts.streams import BLOCK

_WINDOW = 15 * 4096  # bytes; a pipe has sixteen pages
_LOOKS = (
    3  # in a row that find the pipe empty: what was sent may be under way, and a command may be about to end
)
_PAUSE = 0.001  # seconds
_LONGEST_PAUSE = 0.02


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
        self._lost = not local

    def __call__(self) -> int:
        """Wait until more input is wanted.

        Returns:
            How many bytes to send at most; 0 when nobody will read more.
        """
        if self._pid is None:
            self._pid = self._find_pid()
        if not self._pid:
            return 0
        empty, pause = 0, _PAUSE
        while empty < _LOOKS:
            if self._lost:
                return BLOCK
            waiting = self._waiting(self._pid)
            if waiting is None:
                return 0
            empty = 0 if waiting else empty + 1
            pause = min(2 * pause, _LONGEST_PAUSE) if waiting else _PAUSE
            time.sleep(pause)
        return _WINDOW

    def _waiting(self, pid: int) -> int | None:
        """Bytes that wait in the pipe; None when the process is gone. 0 when they can't be seen, from then on."""
        try:
            descriptor = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            self._lost = os.path.exists(f"/proc/{pid}")
            return 0 if self._lost else None
        except OSError:
            self._lost = True
            return 0
        try:
            found = os.fstat(descriptor)
            self._pipe = self._pipe or found.st_ino
            if not stat.S_ISFIFO(found.st_mode) or found.st_ino != self._pipe:
                self._lost = True  # the process took something else for its standard input
                return 0
            count = array.array("i", [0])
            fcntl.ioctl(descriptor, termios.FIONREAD, count)
            return count[0]
        finally:
            os.close(descriptor)
