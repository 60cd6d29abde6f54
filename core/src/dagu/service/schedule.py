"""What a workflow says about when it runs: the root keys of its file, read into a plan. Pure; no clock."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime, timedelta, tzinfo
from heapq import merge
from itertools import takewhile
from typing import Any

from dagu.errors import DaguError, Problem
from dagu.frozen import dataclass
from dagu.service.cron import Cron, Once, parse_cron, parse_once
from dagu.workflow.model import Workflow
from dagu.workflow.tree import Node, locate

_SPAN = re.compile(r"(?:[0-9]+[smhdw])+")
_PART = re.compile(r"([0-9]+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Kind(enum.StrEnum):
    """What is due, in the order in which things that are due at one instant are done."""

    STOP = "stop"
    RESTART = "restart"
    START = "start"


_ORDER = tuple(Kind)

When = Cron | Once


class Overlap(enum.StrEnum):
    """What becomes of a start that is due while a run of the workflow has not ended."""

    SKIP = "skip"
    LATEST = "latest"
    QUEUE = "queue"  # what ALL means, by its own name
    ALL = "all"


@dataclass(frozen=True)
class Slot:
    """Something that is due at an instant."""

    at: datetime
    kind: Kind

    def __lt__(self, other: Slot) -> bool:
        return (self.at, _ORDER.index(self.kind)) < (other.at, _ORDER.index(other.kind))


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a workflow runs, and under which conditions.

    Attributes:
        texts: As written.
        catchup_window: How old a start may be that was missed while no scheduler ran; zero: they are forgotten.
        skip_if_successful: Leave out a start if the workflow succeeded since the one before.
        restart_wait: Seconds between the end of a run and its restart.
        queue: The queue that its runs wait in; empty for one of its own.
        max_active_runs: How many of its runs may run at once; 0: any number, as far as its queue allows.
        overlap_limit: With how many runs that have not ended a start that is due overlaps; 0: with none.
        keep_days: Days that ended runs are kept; None: for ever.
        keep_runs: How many ended runs are kept; None: all.
    """

    entries: tuple[tuple[Kind, When], ...] = ()
    texts: tuple[str, ...] = ()
    catchup_window: timedelta = timedelta()
    overlap: Overlap = Overlap.SKIP
    skip_if_successful: bool = False
    restart_wait: float = 0.0
    queue: str = ""
    max_active_runs: int = 1
    overlap_limit: int = 1
    keep_days: float | None = None
    keep_runs: int | None = None
    problems: tuple[Problem, ...] = field(default=(), compare=False)

    def after(self, moment: datetime) -> Iterator[Slot]:
        """Everything that is due after a moment, in order."""
        found = merge(*(_slots(kind, cron, moment) for kind, cron in self.entries))
        last = None
        for slot in found:
            if slot != last:
                last = slot
                yield slot

    def between(self, after: datetime, until: datetime) -> list[Slot]:
        """What is due after one moment and not later than another."""
        return list(takewhile(lambda slot: slot.at <= until, self.after(after)))

    def next(self, moment: datetime, *kinds: Kind) -> Slot | None:
        """What is due next after a moment, of those kinds if any are given."""
        return next((slot for slot in self.after(moment) if not kinds or slot.kind in kinds), None)

    def start_before(self, moment: datetime) -> datetime | None:
        """When the last start before a moment was due."""
        found = [cron.before(moment) for kind, cron in self.entries if kind is Kind.START]
        return max((instant for instant in found if instant is not None), default=None)


def _slots(kind: Kind, cron: When, moment: datetime) -> Iterator[Slot]:
    return (Slot(instant, kind) for instant in cron.after(moment))


def read_schedule(workflow: Workflow, default: tzinfo) -> Schedule:
    """The schedule of a workflow; its ``problems`` are the mistakes, with their places.

    Args:
        default: The time zone of expressions that name none.
    """
    rest = workflow.rest
    problems: list[Problem] = []
    entries = list(_entries(workflow, default, problems))
    window = _window(workflow, problems)
    queue = str(rest.get("queue") or "").strip()
    most = rest.get("max_active_runs")
    days, runs = rest.get("hist_retention_days"), rest.get("hist_retention_runs")
    return Schedule(
        entries=tuple(entries),
        texts=tuple(cron.text if kind is Kind.START else f"{kind}: {cron.text}" for kind, cron in entries),
        catchup_window=window,
        overlap=Overlap(rest.get("overlap_policy") or "skip"),
        skip_if_successful=bool(rest.get("skip_if_successful")),
        restart_wait=float(rest.get("restart_wait_sec") or 0),
        queue=queue,
        max_active_runs=max(0, int(most)) if most is not None else (0 if queue else 1),
        overlap_limit=max(0, int(most)) if most is not None else 1,
        keep_days=None if days is None or days < 0 else float(days),
        keep_runs=None if runs is None or runs < 0 else int(runs),
        problems=tuple(problems),
    )


def _entries(workflow: Workflow, default: tzinfo, problems: list[Problem]) -> Iterator[tuple[Kind, When]]:
    given = workflow.rest.get("schedule")
    if not isinstance(given, Mapping):
        yield from _crons(workflow, "schedule", Kind.START, given, default, problems)
        return
    for key, value in given.items():
        if key in _ORDER:
            yield from _crons(workflow, f"schedule.{key}", Kind(key), value, default, problems)
        else:
            problems.append(
                _problem(workflow, f"schedule.{key}", "has no place here; there are start, stop and restart")
            )


def _crons(
    workflow: Workflow, path: str, kind: Kind, value: Any, default: tzinfo, problems: list[Problem]
) -> Iterator[tuple[Kind, When]]:
    if value is None:
        return
    items = [(path, value)]
    if isinstance(value, tuple):
        items = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    for where, item in items:
        try:
            if isinstance(item, str):
                yield kind, parse_cron(item, default)
            elif isinstance(item, Mapping) and len(item) == 1 and isinstance(item.get("cron"), str):
                yield kind, parse_cron(item["cron"], default)
            elif isinstance(item, Mapping) and len(item) == 1 and isinstance(item.get("at"), str):
                yield kind, parse_once(item["at"])
            else:
                message = "must be a cron expression, or a mapping with the one key cron or at"
                problems.append(_problem(workflow, where, message))
        except DaguError as error:
            message = error.message + (f" ({error.hint})" if error.hint else "")
            problems.append(_problem(workflow, where, message))


def _window(workflow: Workflow, problems: list[Problem]) -> timedelta:
    text = str(workflow.rest.get("catchup_window") or "").replace(" ", "").lower()
    if not text or text == "0":
        return timedelta()
    if not _SPAN.fullmatch(text):
        problems.append(
            _problem(workflow, "catchup_window", f"{text!r} is no span of time; write 6h or 2d12h")
        )
        return timedelta()
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    return timedelta(seconds=min(seconds, 10**9))


def _problem(workflow: Workflow, path: str, message: str) -> Problem:
    root = workflow.tree
    node = locate(root, path) if isinstance(root, Node) else None
    file = node.file if node else str(workflow.file or "")
    return Problem(file, node.line if node else 0, node.column if node else 0, f"{path}: {message}")
