"""How the scheduler and its queues are, told from what is kept: by any process, also without a scheduler."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dagu.contracts.history import HistoryStore
from dagu.history.records import Status
from dagu.service.config import Config
from dagu.service.lock import SchedulerLock
from dagu.service.schedule import Kind
from dagu.service.workflows import Workflows

NEXT = 20


def scheduler_overview(config: Config, stored: Workflows, history: HistoryStore) -> dict[str, Any]:
    """``running``, ``queues`` and the ``next`` things that are due."""
    return {
        "running": SchedulerLock(config.home).is_held(),
        "queues": _queues(config, stored, history),
        "next": _next(stored),
    }


def _queues(config: Config, stored: Workflows, history: HistoryStore) -> list[dict[str, Any]]:
    limits: dict[str, int | None] = dict(config.queues)
    active = [run for run in history.runs(status=(Status.QUEUED, Status.RUNNING), limit=None) if run.queue]
    known = {each.name: each.schedule for each in stored.all()}
    for run in active:
        if run.queue not in limits:
            own = known.get(run.queue)
            limits[run.queue] = (own.max_active_runs or None) if own is not None else 1
    return [
        {
            "name": name,
            "limit": limit,
            "queued": sum(run.queue == name and run.status is Status.QUEUED for run in active),
            "running": sum(run.queue == name and run.status is Status.RUNNING for run in active),
        }
        for name, limit in sorted(limits.items())
    ]


def _next(stored: Workflows) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    found = [
        (slot, each.name)
        for each in stored.all()
        if not each.problems and not stored.is_suspended(each.name)
        for slot in [each.schedule.next(now, Kind.START, Kind.RESTART)]
        if slot is not None
    ]
    return [
        {"workflow": name, "at": slot.at.timestamp(), "kind": slot.kind.value}
        for slot, name in sorted(found)[:NEXT]
    ]
