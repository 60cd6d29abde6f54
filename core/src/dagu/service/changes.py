"""Telling when history changed: one watcher of it, and of the processes that run runs, for all who ask."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dagu.contracts.history import HistoryStore
from dagu.history.ownership import RunLocks


class Changes:
    """Calls whoever subscribed after history changed, by any process, or a watched run lost its owner.

    Callbacks come from one thread, one after the other, and should return soon.
    """

    def __init__(self, home: Path, history: HistoryStore) -> None:
        self._history = history
        self._locks = RunLocks(home)
        self._lock = threading.Lock()
        self._calling = threading.Lock()
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._next = 0
        self._watched: set[str] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def subscribed(self, callback: Callable[[], object]) -> Iterator[None]:
        """Have a callback called, from entering on until leaving."""
        number = self.subscribe(callback)
        try:
            yield
        finally:
            self.unsubscribe(number)

    def subscribe(self, callback: Callable[[], object]) -> int:
        """Have a callback called from now on.

        Returns:
            What :meth:`unsubscribe` wants.
        """
        ready = None
        with self._lock:
            self._next += 1
            self._callbacks[self._next] = callback
            number = self._next
            if self._thread is None:
                ready = threading.Event()
                self._thread = threading.Thread(
                    target=self._watch, args=(ready,), name="changes", daemon=True
                )
                self._thread.start()
        if ready is not None:
            ready.wait()
        return number

    def unsubscribe(self, number: int) -> None:
        """Have it called no more."""
        with self._lock:
            self._callbacks.pop(number, None)

    def watch_run(self, run_id: str) -> None:
        """Tell also when the process that runs a run is gone, which may have changed nothing in history."""
        with self._lock:
            if run_id in self._watched:
                return
            self._watched.add(run_id)
        threading.Thread(target=self._wait, args=(run_id,), name=f"end of {run_id}", daemon=True).start()

    def close(self) -> None:
        """End the watching."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, ready: threading.Event) -> None:
        self._history.watch(self._stop, ready.set, self._tell)

    def _wait(self, run_id: str) -> None:
        self._locks.wait_until_free(run_id)
        with self._lock:
            self._watched.discard(run_id)
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            callbacks = list(self._callbacks.values())
        with self._calling:
            for callback in callbacks:
                callback()
