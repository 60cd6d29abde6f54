"""The queue: Procrastinate's, used within transactions of ours.

A job stands for "take this run", not for the run: fetching it, becoming the run's owner and finishing the job are one
transaction. So a job is never left behind half done, and none is being done for hours.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Sequence
from itertools import combinations
from typing import Any, TypeVar

from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from psycopg.types.json import Jsonb

from dagu.errors import UsageError
from dagu_postgres_queue.database import Connection

TASK = "dagu.run"
CHANNEL = "procrastinate_any_queue_v1"
"""On which new jobs are told."""

MOST_LABELS = 6
_ANY, _ENGINE = "dagu", "dagu-engine"
T = TypeVar("T")


def queue_name(selector: Iterable[str], *, engine: bool = False) -> str:
    """The queue of runs with that selector, which need a container engine or not."""
    return "+".join([_ENGINE if engine else _ANY, *sorted(selector)])


def queues_for(labels: Sequence[str], *, engine: bool = False) -> list[str]:
    """The queues of runs that a worker with those labels may take: one for each set of them.

    Raises:
        UsageError: There are too many.
    """
    if len(labels) > MOST_LABELS:
        raise UsageError(f"a worker has at most {MOST_LABELS} labels; these are {len(labels)}")
    ordered = sorted(labels)
    sets = (some for size in range(len(ordered) + 1) for some in combinations(ordered, size))
    return [queue_name(some, engine=engine) for some in sets]


def defer(connection: Connection, *, queue: str, priority: int, run_id: str, fence: int) -> None:
    """Put a job in a queue, as a part of the connection's transaction."""
    job = Job(
        queue=queue,
        priority=priority,
        lock=None,
        queueing_lock=None,
        task_name=TASK,
        task_kwargs={"run_id": run_id, "fence": fence},
    )
    JobManager(_Within(connection)).defer_job(job)


def fetch(connection: Connection, queues: Sequence[str]) -> tuple[str, int] | None:
    """Take the first job out of queues, as a part of the connection's transaction: its run and fencing number."""
    manager = JobManager(_Within(connection))
    while True:
        job = _driven(manager.fetch_job(queues, worker_id=None))  # type: ignore[arg-type]
        if job is None:
            return None
        assert job.id is not None
        _driven(manager.finish_job_by_id_async(job.id, Status.SUCCEEDED, delete_job=True))
        if job.task_name == TASK:
            return str(job.task_kwargs["run_id"]), int(job.task_kwargs["fence"])  # type: ignore[arg-type]


def _driven(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, since its connector does not."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise RuntimeError("the queue waited for something")


class _Within(BaseConnector):
    """Procrastinate's way to the database: the transaction that a connection is in."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get_sync_connector(self) -> BaseConnector:
        return self

    def execute_query(self, query: Any, **arguments: Any) -> None:
        self._connection.execute(query, _wrapped(arguments))

    def execute_query_one(self, query: Any, **arguments: Any) -> dict[str, Any]:
        row = self._connection.execute(query, _wrapped(arguments)).fetchone()
        assert row is not None
        return row

    def execute_query_all(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
        return self._connection.execute(query, _wrapped(arguments)).fetchall()

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        self.execute_query(query, **arguments)

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        return self.execute_query_one(query, **arguments)

    async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
        return self.execute_query_all(query, **arguments)


def _wrapped(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(given) for name, given in arguments.items()}


def _value(given: Any) -> Any:
    if isinstance(given, dict):
        return Jsonb(given)
    if isinstance(given, tuple):
        return tuple(_value(item) for item in given)
    return [_value(item) for item in given] if isinstance(given, list) else given
