"""Stopping: tokens that everything in a run watches, one for the run and one for each piece of it with its own time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dagu.contracts.runtime import Execution
from dagu.sandbox.stopping import Stop


class Cancellation:
    """Whether a run, or a part of it, is still wanted, and what has to be ended when it no longer is.

    Args:
        grace: Seconds between the stop signal and the kill.
    """

    def __init__(self, *, grace: float = 5.0) -> None:
        self.stopped = Stop()
        self.grace = grace
        self.reason = ""
        self.timed_out = False
        self._killed = False
        self._lock = threading.Lock()
        self._running: dict[Execution, str] = {}
        self._branches: list[Cancellation] = []

    def cancel(self, reason: str, *, kill: bool = False, timed_out: bool = False) -> None:
        """End everything that runs, and let nothing start. Blocks until it is ended; may be repeated.

        Args:
            reason: Why, in a few words; the first one counts.
            kill: Without a grace period.
            timed_out: Because its time is over.
        """
        with self._lock:
            if not self.stopped.is_set():
                self.reason, self.timed_out = reason, timed_out
            self._killed = self._killed or kill
            self.stopped.set()
            running = list(self._running.items())
            branches = list(self._branches)
        work: list[Callable[[], object]] = [_ender(*each, kill=kill, grace=self.grace) for each in running]
        work += [_canceller(branch, reason, kill=kill) for branch in branches]
        threads = [threading.Thread(target=each, name="end") for each in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @contextmanager
    def branch(self, *, grace: float | None = None) -> Iterator[Cancellation]:
        """A token of its own for a part: it is cancelled with this one, and alone."""
        branch = Cancellation(grace=self.grace if grace is None else grace)
        with self._lock:
            self._branches.append(branch)
            late, kill = self.stopped.is_set(), self._killed
        try:
            if late:
                branch.cancel(self.reason, kill=kill)
            yield branch
        finally:
            with self._lock:
                self._branches.remove(branch)

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Cancel after so many seconds; 0 is no limit."""
        if not seconds:
            yield
            return
        reason = f"timed out after {seconds:g} s"
        timer = threading.Timer(seconds, self.cancel, args=(reason,), kwargs={"timed_out": True})
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    @contextmanager
    def watching(self, execution: Execution, *, signal: str) -> Iterator[None]:
        """Have the execution ended, by that signal first, when this is cancelled meanwhile."""
        with self._lock:
            self._running[execution] = signal
            late, kill = self.stopped.is_set(), self._killed
        try:
            if late:
                _ender(execution, signal, kill=kill, grace=self.grace)()
            yield
        finally:
            with self._lock:
                self._running.pop(execution, None)


def _ender(execution: Execution, signal: str, *, kill: bool, grace: float) -> Callable[[], object]:
    return lambda: execution.end(signal="KILL" if kill else signal, grace=0.0 if kill else grace)


def _canceller(branch: Cancellation, reason: str, *, kill: bool) -> Callable[[], object]:
    return lambda: branch.cancel(reason, kill=kill)


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
