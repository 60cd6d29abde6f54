"""The record of a run on its way home: what changed of it since the last time."""

from __future__ import annotations

from dataclasses import replace

from dagu.contracts.history import HistoryStore
from dagu.contracts.records import AttemptRecord, RunRecord, StepRecord
from dagu.errors import RunNotFound


class Mirror:
    """Copies a run, with its children, from the worker's own history to the shared one.

    Args:
        taken: The run as it was taken over. While the local one is the same, its process has not begun.
        worker: The name that runs carry at home.
    """

    def __init__(self, local: HistoryStore, shared: HistoryStore, taken: RunRecord, worker: str) -> None:
        self._local = local
        self._shared = shared
        self._taken = taken
        self._worker = worker
        self._runs: dict[str, RunRecord] = {}
        self._parts: dict[tuple[str, ...], StepRecord | AttemptRecord] = {}
        known = local.agent_events(taken.run_id)
        self._event = known[-1].id if known else 0
        self._unsure = False  # whether the last push is kept

    @property
    def run_id(self) -> str:
        """Of the outermost run."""
        return self._taken.run_id

    def runs(self) -> list[RunRecord]:
        """The run and its children as they are here now."""
        children = self._local.runs(root_id=self.run_id, limit=None)
        return [
            self._local.run(self.run_id),
            *(self._local.run(child.run_id) for child in reversed(children)),
        ]

    def begun(self, run: RunRecord) -> bool:
        """Whether the process of the run has begun."""
        before = self._taken
        return (run.attempt_id, run.status) != (before.attempt_id, before.status)

    def push(self, runs: list[RunRecord]) -> None:
        """Store what changed; within a transaction of the shared history. :meth:`pushed` notes that it was kept."""
        for run in runs:
            bare = self._at_home(run)
            known = self._runs.get(run.run_id)
            if known is None and run.run_id != self.run_id:
                try:
                    self._shared.save_run(bare)
                except RunNotFound:
                    self._shared.add_run(bare)
            elif bare != known:
                self._shared.save_run(bare)
            for step in run.steps:
                if self._parts.get((step.run_id, step.name)) != replace(step, attempts=()):
                    self._shared.save_step(step)
                for attempt in step.attempts:
                    if self._parts.get((step.run_id, step.name, str(attempt.number))) != attempt:
                        self._shared.save_attempt(attempt)
        self._last = self._event
        again, self._unsure = self._unsure, True
        for run in runs:
            for event in self._local.agent_events(run.run_id, after=self._event):
                self._shared.add_agent_event(
                    event.run_id, event.step, event.attempt, event.kind, event.payload, event.at, again=again
                )
                self._last = max(self._last, event.id)

    def pushed(self, runs: list[RunRecord]) -> None:
        """Note that what was pushed is kept."""
        self._event = self._last
        self._unsure = False
        for run in runs:
            self._runs[run.run_id] = self._at_home(run)
            for step in run.steps:
                self._parts[step.run_id, step.name] = replace(step, attempts=())
                for attempt in step.attempts:
                    self._parts[step.run_id, step.name, str(attempt.number)] = attempt

    def _at_home(self, run: RunRecord) -> RunRecord:
        """The run's own fields, with those that are the server's business as they were."""
        own = replace(run, steps=(), worker_id=self._worker)
        if run.run_id != self.run_id:
            return own
        taken = self._taken
        return replace(own, file=taken.file, queue=taken.queue, priority=taken.priority, labels=taken.labels)
