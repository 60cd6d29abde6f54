"""Stopping a run: one token that everything in it watches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dagu.contracts.runtime import Execution


class Cancellation:
    """Whether the run is still wanted, and what has to be ended when it no longer is.

    Args:
        grace: Seconds between the stop signal and the kill.
    """

    def __init__(self, *, grace: float = 5.0) -> None:
        self.stopped = threading.Event()
        self.grace = grace
        self.reason = ""
        self._lock = threading.Lock()
        self._running: dict[Execution, str] = {}

    def cancel(self, reason: str, *, kill: bool = False) -> None:
        """End everything that runs, and let nothing start. Blocks until it is ended; may be repeated.

        Args:
            reason: Why, in a few words; the first one counts.
            kill: Without a grace period.
        """
        with self._lock:
            self.reason = self.reason or reason
            self.stopped.set()
            running = list(self._running.items())
        grace = 0.0 if kill else self.grace
        enders = [
            threading.Thread(
                target=execution.end,
                kwargs={"signal": "KILL" if kill else signal, "grace": grace},
                name="end of an execution",
            )
            for execution, signal in running
        ]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()

    @contextmanager
    def watching(self, execution: Execution, *, signal: str) -> Iterator[None]:
        """Have the execution ended, by that signal first, when the run is cancelled meanwhile."""
        with self._lock:
            self._running[execution] = signal
            late = self.stopped.is_set()
        try:
            if late:
                execution.end(signal=signal, grace=self.grace)
            yield
        finally:
            with self._lock:
                self._running.pop(execution, None)


class Deadline:
    """Ends an execution when its time is over.

    Args:
        seconds: From entering; 0 is no limit.
    """

    def __init__(self, execution: Execution, seconds: float, *, signal: str, grace: float) -> None:
        self.passed = False
        self._execution = execution
        self._signal = signal
        self._grace = grace
        self._timer = threading.Timer(seconds, self._end) if seconds > 0 else None

    def _end(self) -> None:
        self.passed = True
        self._execution.end(signal=self._signal, grace=self._grace)

    def __enter__(self) -> Deadline:
        if self._timer is not None:
            self._timer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
