"""What a service that ``dagu start-all`` runs may use: workflows, runs, logs, the launcher. Nothing else of core.

Values are plain data (``Mapping`` of JSON values), so that a service can pass them on as they are. Times are seconds
since the epoch. Every method may be called from any thread, and raises :class:`~dagu.errors.DaguError` with a message
that a user may see.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Self, TypeVar

from dagu.contracts.container import EMPTY
from dagu.frozen import dataclass

Json = Mapping[str, Any]
_T_co = TypeVar("_T_co", covariant=True)


class Following(Iterator[_T_co], ABC):
    """What happens, as it happens: ``next`` waits for it. As a context manager, it is closed at the end."""

    @abstractmethod
    def close(self) -> None:
        """End it. May be called from any thread, also while another one waits in ``next``, which then stops."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@dataclass(frozen=True, kw_only=True)
class WorkflowInfo:
    """A stored workflow.

    Attributes:
        name: What the API and the command line call it: its file's path below the workflows' directory, no ending.
        schedules: As written.
        next_run: When the scheduler starts it next; None if never.
        suspended: The scheduler leaves it alone.
        params_schema: JSON Schema of its parameters, for a form.
        problems: Its mistakes; such a workflow can't be started.
        recent: Its newest runs, newest first, as :meth:`ServiceContext.runs` gives them.
    """

    name: str
    file: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    next_run: float | None = None
    suspended: bool = False
    params_schema: Json = field(default_factory=lambda: EMPTY)
    steps: Sequence[Json] = ()
    problems: Sequence[Json] = ()
    recent: Sequence[Json] = ()


@dataclass(frozen=True, kw_only=True)
class RunFilter:
    """Which runs are wanted. Empty or None: any."""

    workflow: str = ""
    run_id_part: str = ""
    status: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    label: str = ""
    limit: int = 100
    offset: int = 0


class ServiceContext(ABC):
    """The door between core and a service."""

    # Workflows

    @abstractmethod
    def workflows(self) -> Sequence[WorkflowInfo]:
        """All stored workflows, by name."""

    @abstractmethod
    def workflow(self, name: str) -> WorkflowInfo:
        """One workflow.

        Raises:
            UsageError: There is none of that name.
        """

    @abstractmethod
    def source(self, name: str) -> str:
        """The text of its file."""

    @abstractmethod
    def validate(self, text: str, *, name: str = "") -> Sequence[Json]:
        """The mistakes of a workflow's text: ``line``, ``column``, ``message`` each. Empty: none."""

    @abstractmethod
    def save(self, name: str, text: str) -> Sequence[Json]:
        """Write a workflow's file, new or known, whole or not at all, if it has no mistakes; else return them."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove a workflow's file. Its history stays."""

    @abstractmethod
    def suspend(self, name: str, suspended: bool) -> None:
        """Have the scheduler leave a workflow alone, or no longer."""

    # Runs

    @abstractmethod
    def start(self, name: str, *, params: Any = None, run_id: str = "", trigger: str = "manual") -> str:
        """Start a run in a process of its own and return its id at once."""

    @abstractmethod
    def enqueue(self, name: str, *, params: Any = None, run_id: str = "", queue: str = "") -> str:
        """Put a run in a queue and return its id."""

    @abstractmethod
    def stop(self, run_id: str) -> None:
        """Ask a run to stop; returns at once. An ended run is fine."""

    @abstractmethod
    def retry(self, run_id: str) -> str:
        """Run an ended run again from its failed steps on, and return its id."""

    @abstractmethod
    def resume(self, run_id: str) -> str:
        """Take up an interrupted run, and return its id."""

    @abstractmethod
    def runs(self, wanted: RunFilter) -> Sequence[Json]:
        """Runs, newest first, without their steps: the fields of history's record."""

    @abstractmethod
    def count(self, wanted: RunFilter) -> int:
        """How many runs there are, whatever limit and offset say."""

    @abstractmethod
    def run(self, run_id: str) -> Json:
        """A run with ``steps`` (their ``depends`` and ``attempts`` among their fields).

        Raises:
            RunNotFound: There is none.
        """

    @abstractmethod
    def agent_events(self, run_id: str, step: str = "", attempt: int = 0, after: int = 0) -> Sequence[Json]:
        """What agents did, in order: ``id``, ``step``, ``attempt``, ``kind``, ``payload``, ``at``."""

    @abstractmethod
    def log_path(self, run_id: str, step: str, attempt: int, stream: str) -> str:
        """The file of an attempt's output, which may not exist yet; only ever one below the logs' directory.

        Without a step, the run's own log.
        """

    @abstractmethod
    def follow_run(self, run_id: str) -> Following[Json]:
        """The run now, then again each time something of it changed, until it ended."""

    @abstractmethod
    def follow_log(
        self, run_id: str, step: str, attempt: int, stream: str, offset: int = 0
    ) -> Following[bytes]:
        """An attempt's output from a byte on, as it grows, until the run ended."""

    @abstractmethod
    def follow_changes(self) -> Following[None]:
        """None now, then again each time that history changed: a run began, went on or ended, an agent did something.

        What happens until the next look is told once. It ends only by closing it.
        """

    # The rest

    @abstractmethod
    def usage(self, since: float | None = None) -> Sequence[Json]:
        """What agents spent, by workflow, provider and model."""

    @abstractmethod
    def plugins(self) -> Sequence[Json]:
        """The plugins, also those that are set aside, as ``dagu plugins list --json`` prints them."""

    @abstractmethod
    def runtimes(self) -> Sequence[Json]:
        """The container runtimes: ``name``, ``summary``, ``selected``, ``ok``, ``message``, ``version``,
        ``endpoint``."""

    @abstractmethod
    def scheduler(self) -> Json:
        """``running``, ``queues`` (name, limit, queued, running) and ``next`` runs."""

    def workers(self) -> Sequence[Json]:
        """The workers, where machines share a database: ``name``, ``state`` (ready, draining, lost), ``labels``,
        ``runtime``, ``health`` of its engine (``ok``, a sentence, or empty if unknown), ``load`` for each processor,
        ``host``, ``active`` and ``limit`` of runs, ``started_at``, ``seen_at``."""
        return ()

    @abstractmethod
    def settings(self) -> Mapping[str, str]:
        """Settings of services by environment name (``DAGU_HOST``, …): flags over environment over ``config.yaml``."""
