"""What a run has to record while its history is away: it waits, in order, and the run goes on afterwards."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dagu.contracts.history import HistoryStore
from dagu.errors import HistoryUnreachable, UsageError
from dagu.history.records import AttemptRecord, RunRecord, Status, StepRecord

MOST = 10_000
"""How much may wait without holding up who told it."""

_PAUSE = 1.0
"""Seconds between two tries."""

Work = Callable[[bool], object]
"""Stores something; told whether that may have been done already."""


class Patience:
    """How long a run waits for its history: as long as it takes, until somebody wants it to end."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._until = math.inf

    def end(self, seconds: float) -> None:
        """Wait at most so long from now on."""
        with self.changed:
            self._until = min(self._until, time.monotonic() + seconds)
            self.changed.notify_all()

    def left(self) -> float:
        """Seconds; infinite while nobody wants an end."""
        return self._until - time.monotonic()


class _Write:
    """Something to be written. ``again``: it was tried; ``held_up``: who told it waits."""

    def __init__(self, work: Work, *, held_up: bool) -> None:
        self.work = work
        self.held_up = held_up
        self.again = False
        self.done = False
        self.error: Exception | None = None


class PatientStore:
    """History as a run writes it. Any thread may call.

    While the database is away, what is written waits in the order in which it came, and one thread tries to write it.
    Who wrote waits too, so that nothing begins whose beginning is not recorded; but not who reads an agent's events:
    the agent goes on.

    Once :class:`Patience` is at its end, nothing is written any more. The record then is as it was at one moment, and
    the run counts as interrupted.

    Attributes:
        tell: Told in a line when the waiting begins and ends.
    """

    def __init__(self, history: HistoryStore, patience: Patience) -> None:
        self._history = history
        self._patience = patience
        self._changed = patience.changed
        self._waiting: deque[_Write] = deque()
        self._turn = threading.Lock()
        self._given_up = False
        self._failure: Exception | None = None
        self._own = threading.local()
        self.tell: Callable[[str], object] = lambda _: None

    # Of a RunStore

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make one moment of the calls that this thread makes inside."""
        together: list[Work] = []
        self._own.together = together
        try:
            yield
        finally:
            self._own.together = None

        def work(again: bool) -> None:
            with self._history.transaction():
                for each in together:
                    each(again)

        self._write(work)

    def add_run(self, run: RunRecord) -> None:
        """Add a run: this one, or one that it has begun or queued, whose id is new."""

        def work(again: bool) -> None:
            try:
                self._history.add_run(run)
            except UsageError:
                if not again or (run.attempt_id and not self._is_there(run)):
                    raise  # one that is queued has no attempt yet, but an id that was made for it

        self._write(work)

    def _is_there(self, run: RunRecord) -> bool:
        return self._history.run(run.run_id).attempt_id == run.attempt_id

    def update_run(self, run_id: str, **changes: Any) -> None:
        """Change some fields of a run."""
        self._write(lambda _: self._history.update_run(run_id, **changes))

    def save_step(self, step: StepRecord) -> None:
        """Store a step."""
        self._write(lambda _: self._history.save_step(step))

    def save_attempt(self, attempt: AttemptRecord) -> None:
        """Store an attempt."""
        going_on = attempt.status is Status.RUNNING
        self._write(lambda _: self._history.save_attempt(attempt), held_up=not going_on)

    def add_agent_event(
        self, run_id: str, step: str, attempt: int, kind: str, payload_json: str, at: float
    ) -> None:
        """Store one thing that an agent did."""
        self._write(
            lambda again: self._history.add_agent_event(
                run_id, step, attempt, kind, payload_json, at, again=again
            ),
            held_up=False,
        )

    # Waiting

    def _write(self, work: Work, *, held_up: bool = True) -> None:
        together: list[Work] | None = getattr(self._own, "together", None)
        if together is not None:
            together.append(work)
            return
        write = _Write(work, held_up=held_up or len(self._waiting) >= MOST)
        with self._turn:
            self._raise_failure()
            if self._given_up or (not self._waiting and self._is_written(write)):
                return
            with self._changed:
                self._waiting.append(write)
                if len(self._waiting) == 1:
                    threading.Thread(target=self._catch_up, name="history", daemon=True).start()
        if write.held_up:
            self._wait(write)

    def _is_written(self, write: _Write) -> bool:
        try:
            write.work(False)
        except HistoryUnreachable as error:
            write.again = True
            self._say(f"the database is away; the run goes on when it is back ({error.message})")
            return False
        return True

    def _wait(self, write: _Write) -> None:
        with self._changed:
            while not write.done and not self._given_up and (left := self._patience.left()) > 0:
                self._changed.wait(None if math.isinf(left) else left)
            gives_up = not write.done and not self._given_up
            if gives_up:
                self._given_up = True
                self._waiting.clear()
                self._changed.notify_all()
        if gives_up:
            self._say("the database is still away: the run ends without it, and counts as interrupted")
        if write.error is not None:
            raise write.error

    def _catch_up(self) -> None:
        """Write what waits, however long that takes."""
        while True:
            with self._changed:
                if not self._waiting:
                    break
                write = self._waiting[0]
            try:
                write.work(write.again)
            except HistoryUnreachable:
                write.again = True
                with self._changed:
                    self._changed.wait_for(lambda: self._given_up, _PAUSE)
                continue
            except Exception as error:  # noqa: BLE001 (it is raised where something is written)
                if write.held_up:
                    write.error = error
                else:
                    self._failure = error
            with self._changed:
                write.done = True
                if not self._given_up:
                    self._waiting.popleft()
                self._changed.notify_all()
        if not self._given_up:
            self._say("the database is back")

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _say(self, text: str) -> None:
        try:
            self.tell(text)
        except Exception as error:  # noqa: BLE001 (a full disk, for one; it is raised by the next write)
            self._failure = error
