"""Following a run, or the output of an attempt, until the run ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dagu.contracts.service import Following, Json
from dagu.history.home import make_directory
from dagu.history.logs import BLOCK
from dagu.history.records import Status
from dagu.service.changes import Changes

_DEBOUNCE_MS = 50
_STEP_MS = 20


class FollowedChanges(Following[None]):
    """That history changed."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._changed = threading.Event()
        self._closed = False
        self._changed.set()
        self._number = changes.subscribe(self._changed.set)

    def __next__(self) -> None:
        self._changed.wait()
        self._changed.clear()
        if self._closed:
            self._changed.set()
            raise StopIteration

    def close(self) -> None:
        """End the waiting, from any thread."""
        self._closed = True
        self._changes.unsubscribe(self._number)
        self._changed.set()


class FollowedRun(Following[Json]):
    """A run, each time something of it changed.

    Args:
        read: The run as it is now, as JSON values.
    """

    def __init__(self, run_id: str, changes: Changes, read: Callable[[], dict[str, Any]]) -> None:
        self._run_id = run_id
        self._changes = changes
        self._read = read
        self._last: dict[str, Any] | None = None
        self._changed = threading.Event()
        self._closed = False
        self._number = changes.subscribe(self._changed.set)

    def __next__(self) -> Json:
        while not self._closed:
            self._changed.clear()
            found = self._read()
            status = Status(found["status"])
            if status.ended:
                self.close()
            elif status is Status.RUNNING and not found["worker_id"]:
                self._changes.watch_run(found["root_id"] or self._run_id)
            if found != self._last:
                self._last = found
                return found
            if not self._closed:
                self._changed.wait()
        raise StopIteration

    def close(self) -> None:
        """End the waiting, from any thread."""
        self._closed = True
        self._changes.unsubscribe(self._number)
        self._changed.set()


class FollowedLog(Following[bytes]):
    """A file's content from an offset on, block by block, as it grows.

    Args:
        owner: The run, or the outermost one around it, whose process it is; empty if that is of another machine.
        status: The state of the run as it is now.
    """

    def __init__(
        self, path: Path, offset: int, owner: str, changes: Changes, status: Callable[[], Status]
    ) -> None:
        from watchfiles._rust_notify import RustNotify

        self._path = path
        self._offset = offset
        self._owner = owner
        self._changes = changes
        self._status = status
        self._stop = threading.Event()
        self._closed = False
        directory = str(make_directory(path.parent))
        self._watcher = RustNotify([directory], False, False, 0, False, False)
        self._number = changes.subscribe(self._look)
        self._look()

    def __next__(self) -> bytes:
        while not self._closed:
            # What is written before the end is there when the end is known.
            ended = self._stop.is_set()
            if block := self._block():
                return block
            if ended:
                self.close()
            else:
                self._watcher.watch(_DEBOUNCE_MS, _STEP_MS, 0, self._stop)
        raise StopIteration

    def close(self) -> None:
        """End the waiting, from any thread."""
        self._closed = True
        self._changes.unsubscribe(self._number)
        self._stop.set()

    def _look(self) -> None:
        status = self._status()
        if status.ended:
            self._stop.set()
        elif status is Status.RUNNING and self._owner:
            self._changes.watch_run(self._owner)

    def _block(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                block = file.read(BLOCK)
        except FileNotFoundError:
            return b""
        self._offset += len(block)
        return block
