"""What happens in a run, told once: to history, and to everybody who watches. Everything is masked here."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from typing import Any, Protocol

from dagu.contracts.events import (
    AgentEvent,
    ImagePull,
    Notice,
    RunEvent,
    RunFinished,
    RunStarted,
    StepFinished,
    StepOutput,
    StepStarted,
)
from dagu.contracts.provider import HarnessEvent
from dagu.contracts.runtime import PullProgress
from dagu.history.records import EMPTY, AttemptRecord, RunRecord, Status, StepRecord
from dagu.run.records.masking import Masker

_GOING_ON = {Status.RUNNING, Status.RETRYING}
Observer = Callable[[RunEvent], object]


class RunStore(Protocol):
    """The part of history that a run writes."""

    def add_run(self, run: RunRecord) -> None: ...
    def update_run(self, run_id: str, **changes: Any) -> None: ...
    def save_step(self, step: StepRecord) -> None: ...
    def save_attempt(self, attempt: AttemptRecord) -> None: ...
    def add_agent_event(
        self, run_id: str, step: str, attempt: int, kind: str, payload_json: str, at: float
    ) -> None: ...
    def transaction(self) -> AbstractContextManager[object]: ...


class _Nowhere:
    """A store that keeps nothing, for dry runs."""

    def transaction(self) -> AbstractContextManager[object]:
        return nullcontext()

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_fields: None


class Recorder:
    """Keeps a run's records, stores each change, and tells observers. Safe from many threads.

    Args:
        store: None keeps nothing.
        observers: Each is called from the thread in which something happened.
        log: The same for the run's own log, which wants no output of steps.
    """

    def __init__(
        self,
        run: RunRecord,
        *,
        store: RunStore | None,
        observers: Sequence[Observer],
        masker: Masker,
        log: Observer | None = None,
    ) -> None:
        self._run = run
        self._store: RunStore = _Nowhere() if store is None else store
        self._watched = bool(observers)
        self._observers = (*observers, *([log] if log is not None else []))
        self.masker = masker
        self._steps: dict[str, StepRecord] = {step.name: step for step in run.steps}
        self._attempts: dict[str, list[AttemptRecord]] = {
            step.name: list(step.attempts) for step in run.steps
        }
        self._lock = threading.Lock()

    # The run

    @property
    def run(self) -> RunRecord:
        """The run as it is now, with its steps and attempts."""
        with self._lock:
            steps = sorted(self._steps.values(), key=lambda step: step.index)
            return replace(
                self._run,
                steps=tuple(replace(step, attempts=tuple(self._attempts[step.name])) for step in steps),
            )

    def begin(self, *, again: bool = False) -> None:
        """The run begins, or a recorded one goes on in a new attempt."""
        run = self._run
        if again:
            with self._store.transaction():
                self._store.update_run(
                    run.run_id,
                    status=run.status,
                    started_at=run.started_at,
                    attempt=run.attempt,
                    attempt_id=run.attempt_id,
                    params=run.params,
                    finished_at=None,
                    error="",
                )
                for step in run.steps:
                    self._store.save_step(step)
        else:
            self._store.add_run(run)
        self._tell(RunStarted, steps=tuple(self._steps))

    def run_finished(self, status: Status, error: str = "") -> None:
        """The run ended. What went on until then, which only a mistake of ours can leave, did not end well."""
        error = self.masker.text(error)
        self._end_all(error)
        with self._lock:
            finished_at = time.time() if status.ended else None
            self._run = replace(self._run, status=status, error=error, finished_at=finished_at)
        changes = {"status": status, "error": error, "finished_at": self._run.finished_at}
        self._store.update_run(self._run.run_id, **changes)
        self._tell(RunFinished, status=status.value, error=error)

    def _end_all(self, why: str) -> None:
        now = time.time()
        with self._lock:
            steps = [step for step in self._steps.values() if step.status in _GOING_ON]
            attempts = [a for each in self._attempts.values() for a in each if a.status in _GOING_ON]
        for attempt in attempts:
            self._keep(replace(attempt, status=Status.ABORTED, finished_at=now, reason=why))
        for step in steps:
            self.change_step(step.name, status=Status.ABORTED, finished_at=now, error=why)

    # Steps

    def add_step(self, name: str, *, id: str = "", kind: str = "step") -> None:
        """A step is known from now on: a handler, or a step of a foreach body."""
        with self._lock:
            if name in self._steps:
                return
            record = StepRecord(run_id=self._run.run_id, name=name, index=len(self._steps), id=id, kind=kind)
            self._steps[name] = record
            self._attempts[name] = []
        self._store.save_step(record)

    def step(self, name: str) -> StepRecord:
        """A step's record as it is now."""
        with self._lock:
            return self._steps[name]

    def next_attempt(self, step: str) -> int:
        """The number of a step's next attempt, from 1."""
        with self._lock:
            return len(self._attempts[step]) + 1

    def change_step(self, name: str, **changes: Any) -> StepRecord:
        """Change and store a step's record."""
        if "error" in changes:
            changes["error"] = self.masker.text(changes["error"])
        with self._lock:
            record = self._steps[name] = replace(self._steps[name], **changes)
        self._store.save_step(record)
        return record

    def step_finished(
        self,
        name: str,
        status: Status,
        *,
        exit_code: int | None,
        error: str = "",
        outputs: Mapping[str, Any] = EMPTY,
    ) -> None:
        """A step ended, or will not run. ``outputs`` is what it published."""
        record = self.change_step(
            name,
            status=status,
            exit_code=exit_code,
            error=error,
            outputs=self.masker.value(outputs),
            finished_at=time.time(),
        )
        number = self.next_attempt(name) - 1
        self._tell(
            StepFinished,
            step=name,
            attempt=number,
            status=status.value,
            exit_code=exit_code,
            error=record.error,
        )

    def attempt_started(self, attempt: AttemptRecord) -> None:
        """An attempt of a step began."""
        with self._store.transaction():
            step = self.step(attempt.step)
            first = step.started_at or attempt.started_at
            self.change_step(attempt.step, status=Status.RUNNING, started_at=first)
            self._keep(attempt)
        self._tell(StepStarted, step=attempt.step, attempt=attempt.number)

    def attempt_changed(self, attempt: AttemptRecord) -> None:
        """An attempt went on or ended."""
        self._keep(replace(attempt, reason=self.masker.text(attempt.reason)))

    def attempt_failed(self, step: str, number: int, reason: str) -> None:
        """An attempt that had ended well left something that does not do."""
        with self._lock:
            attempt = self._attempts[step][number - 1]
        self.attempt_changed(replace(attempt, status=Status.FAILED, exit_code=1, reason=reason))

    def _keep(self, attempt: AttemptRecord) -> None:
        with self._lock:
            attempts = self._attempts[attempt.step]
            if attempt.number > len(attempts):
                attempts.append(attempt)
            else:
                attempts[attempt.number - 1] = attempt
        self._store.save_attempt(attempt)

    # What is passed on

    @property
    def watched(self) -> bool:
        """Whether anybody listens."""
        return self._watched

    def output(self, step: str, stream: str, block: bytes) -> None:
        """A masked block of output was logged."""
        self._tell(StepOutput, step=step, stream=stream, block=block)

    def agent_event(self, step: str, attempt: int, event: HarnessEvent) -> None:
        """An agent did something."""
        event = replace(event, text=self.masker.text(event.text))
        payload = {key: value for key, value in asdict(event).items() if value not in ("", None, False)}
        payload["kind"] = event.kind.value
        text = json.dumps(payload, ensure_ascii=False)
        self._store.add_agent_event(self._run.run_id, step, attempt, event.kind.value, text, time.time())
        self._tell(AgentEvent, step=step, attempt=attempt, event=event)

    def pull(self, progress: PullProgress, done: bool, error: str) -> None:
        """An image is being fetched."""
        self._tell(ImagePull, progress=progress, done=done, error=self.masker.text(error))

    def notice(self, text: str, *, step: str = "") -> None:
        """Something a user should know."""
        self._tell(Notice, text=self.masker.text(text), step=step)

    def _tell(self, kind: type[RunEvent], **fields: Any) -> None:
        if not self._observers:
            return
        event = kind(run_id=self._run.run_id, workflow=self._run.workflow, at=time.time(), **fields)
        for observer in self._observers:
            observer(event)
