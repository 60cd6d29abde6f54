"""The lock that only one scheduler of a home directory holds; the kernel gives it back when that one dies."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

from dagu.errors import DaguError
from dagu.history.home import make_directory


class SchedulerLock:
    """The lock. It works between processes, and between threads of one."""

    def __init__(self, home: Path) -> None:
        self._path = home / "scheduler.lock"
        self._lock = threading.Lock()
        self._descriptor = -1
        self._released = False

    def is_held(self) -> bool:
        """Whether a scheduler runs now."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def when_free(self, taken: Callable[[], object]) -> None:
        """Take the lock as soon as it is free, and tell it from a thread. :meth:`release` ends the waiting."""
        descriptor = self._open()

        def wait() -> None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with self._lock:
                if self._released:
                    os.close(descriptor)
                    return
                self._descriptor = descriptor
            taken()

        threading.Thread(target=wait, name="scheduler lock", daemon=True).start()

    def release(self) -> None:
        """Give the lock back, or no longer wait for it; doing so twice is fine."""
        with self._lock:
            self._released = True
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _open(self) -> int:
        make_directory(self._path.parent)
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DaguError(f"the lock {self._path} can't be written: {error.strerror or error}") from error
