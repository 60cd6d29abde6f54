"""Which of the queued runs start now: by the limits of their queues and of their workflows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from dagu.frozen import dataclass
from dagu.history.records import RunRecord, Status
from dagu.service.schedule import Schedule

UNLIMITED = 0


@dataclass(frozen=True)
class Limits:
    """How many runs may run at once.

    Attributes:
        queues: Of the queues that are configured.
        schedules: Of each stored workflow, for the limits that it sets itself.
        total: Of all queues together.
    """

    queues: Mapping[str, int]
    schedules: Mapping[str, Schedule]
    total: int = UNLIMITED

    def queue(self, name: str) -> int:
        """The limit of a queue: as configured, else that of the workflow whose own queue it is, else 1."""
        if name in self.queues:
            return self.queues[name]
        own = self.schedules.get(name)
        return own.max_active_runs if own is not None else 1

    def workflow(self, name: str) -> int:
        """The limit of a workflow, over all queues."""
        own = self.schedules.get(name)
        return own.max_active_runs if own is not None else UNLIMITED


def admitted(runs: Iterable[RunRecord], starting: Collection[str], limits: Limits) -> list[RunRecord]:
    """The queued runs that may start now, in the order in which they should.

    Args:
        runs: All that have not ended.
        starting: Ids of runs that were told to start, and may still be recorded as queued.
    """
    queues: Counter[str] = Counter()
    workflows: Counter[str] = Counter()
    waiting: list[RunRecord] = []
    for run in runs:
        if run.status is Status.RUNNING or run.run_id in starting:
            queues[run.queue] += 1
            workflows[run.workflow] += 1
        elif run.status is Status.QUEUED and run.queue:
            waiting.append(run)
    found: list[RunRecord] = []
    for run in sorted(waiting, key=lambda run: (-run.priority, run.started_at, run.run_id)):
        if _full(queues.total(), limits.total):
            break
        if _full(queues[run.queue], limits.queue(run.queue)):
            continue
        if _full(workflows[run.workflow], limits.workflow(run.workflow)):
            continue
        queues[run.queue] += 1
        workflows[run.workflow] += 1
        found.append(run)
    return found


def _full(number: int, limit: int) -> bool:
    return limit != UNLIMITED and number >= limit
