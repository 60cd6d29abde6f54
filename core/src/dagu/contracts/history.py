"""What keeps the history of runs: SQLite in a home directory, or a database that a plugin brings."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from typing import Any, Self

from dagu.contracts.records import (
    AgentEventRecord,
    AttemptRecord,
    RunRecord,
    Status,
    StepRecord,
    UsageSum,
)
from dagu.frozen import dataclass

GONE = "the process that ran it is gone"
"""What a run says, its steps and attempts too, that was found interrupted."""


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Conditions that all hold of a wanted run; None is no condition.

    Attributes:
        run_id_part: Any part of the id.
        since: It started then or later, in seconds since the epoch.
        until: It started before.
        status: It is in one of these states.
        root_id: It is a child below that run; empty: it is no child.
        label: ``name=value``, or ``name`` for any value.
        queue: It waits, or waited, in that queue.
    """

    workflow: str | None = None
    run_id_part: str | None = None
    since: float | None = None
    until: float | None = None
    status: Status | Collection[Status] | None = None
    root_id: str = ""
    label: str | None = None
    queue: str | None = None

    @property
    def states(self) -> tuple[Status, ...]:
        """The wanted states; none: any."""
        return (self.status,) if isinstance(self.status, Status) else tuple(self.status or ())


class HistoryStore(ABC):
    """Runs, their steps and attempts, what agents did and spent; shared by all processes that use it.

    Every method may be called from any thread. What a method writes, it writes at one moment;
    :meth:`transaction` makes one moment of several calls. Secrets are masked before they come here.

    A run that is recorded as running although nobody owns it was interrupted: any read notices and stores it, with
    its steps and attempts that had not ended, and says :data:`GONE`. For a run of this home, whose ``worker_id`` is
    empty, its owner holds the run's lock in the home directory.

    Text that is no valid Unicode, half of a character, is kept with escapes, and so is the null character.

    :class:`dagu.testing.HistoryConformance` proves an implementation.

    Every method may raise:
        HistoryUnreachable: The database did not answer. What was to be written may be, or not; a run that is under
            way calls again. It may: what was written is replaced by the same, and an event is not written twice.
        DaguError: The database can't be read or written (a full disk).
    """

    @abstractmethod
    def close(self) -> None:
        """Give everything back; nothing may be asked afterwards. Closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @abstractmethod
    def transaction(self) -> AbstractContextManager[object]:
        """Make one moment of all calls inside: all of it is kept, or nothing. Other threads wait meanwhile.

        Within a transaction, another one is a part of it.
        """

    # Writing

    @abstractmethod
    def add_run(self, run: RunRecord) -> None:
        """Add a run with its steps and their attempts.

        Raises:
            UsageError: The id is taken.
        """

    @abstractmethod
    def save_run(self, run: RunRecord) -> None:
        """Store a run's own fields; its steps are left as they are.

        Raises:
            RunNotFound: It was never added.
        """

    @abstractmethod
    def update_run(self, run_id: str, **changes: Any) -> None:
        """Change some fields of a run.

        Raises:
            RunNotFound: There is no such run.
            TypeError: There is no such field.
        """

    @abstractmethod
    def end_queued(self, run_id: str, status: Status, error: str, at: float) -> bool:
        """End a run that waits to be started; False if it does not, or no longer."""

    @abstractmethod
    def remove_runs(self, run_ids: Iterable[str]) -> None:
        """Forget runs and their children, with all that belongs to them; those that are unknown are none."""

    @abstractmethod
    def save_step(self, step: StepRecord) -> None:
        """Store a step, new or known; its attempts are left as they are."""

    @abstractmethod
    def save_attempt(self, attempt: AttemptRecord) -> None:
        """Store an attempt, new or known."""

    @abstractmethod
    def add_agent_event(
        self,
        run_id: str,
        step: str,
        attempt: int,
        kind: str,
        payload_json: str,
        at: float,
        *,
        again: bool = False,
    ) -> None:
        """Store one thing that an agent did.

        Args:
            at: Seconds since the epoch.
            again: It may be there, since a call before was not answered, or is being stored yet; it is stored once.
        """

    # Reading

    @abstractmethod
    def run(self, run_id: str) -> RunRecord:
        """A run with its steps, in the order of the file, and their attempts.

        Raises:
            RunNotFound: There is no such run.
        """

    @abstractmethod
    def status(self, run_id: str) -> Status:
        """The state of a run.

        Raises:
            RunNotFound: There is no such run.
        """

    @abstractmethod
    def runs(self, limit: int | None = 100, offset: int = 0, **wanted: Any) -> list[RunRecord]:
        """Runs, newest first, without their steps and source.

        Args:
            wanted: Fields of a :class:`RunQuery`.
        """

    @abstractmethod
    def listed(self, limit: int | None = 100, offset: int = 0, **wanted: Any) -> list[dict[str, Any]]:
        """As :meth:`runs`, as JSON values: quicker, since lists are long."""

    @abstractmethod
    def count(self, **wanted: Any) -> int:
        """How many runs :meth:`runs` gives without a limit."""

    def latest(self, workflow: str) -> RunRecord | None:
        """The newest run of a workflow, without its steps and source; None if it never ran."""
        return next(iter(self.runs(workflow=workflow, limit=1)), None)

    @abstractmethod
    def agent_events(
        self, run_id: str, step: str | None = None, attempt: int | None = None, *, after: int = 0
    ) -> list[AgentEventRecord]:
        """What agents did in a run, in order; only what came after the event of that id."""

    @abstractmethod
    def usage(self, since: float | None = None, workflow: str | None = None) -> list[UsageSum]:
        """What agents spent, by workflow, provider and model. ``since`` is when an attempt began at the earliest."""

    @abstractmethod
    def watch(self, stop: threading.Event, ready: Callable[[], object], tell: Callable[[], object]) -> None:
        """Watch, in the calling thread, until ``stop`` is set.

        Args:
            ready: Called once, when the watching began.
            tell: Called soon after any process changed something; several changes may be told once.
        """
