"""What history keeps of a run: plain records. Times are seconds since the epoch, None when not yet."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any

from dagu.frozen import dataclass

EMPTY: Mapping[str, Any] = MappingProxyType({})


class Status(enum.StrEnum):
    """States of runs and steps. ``retrying`` and ``skipped`` are for steps, ``queued`` for runs only."""

    NOT_STARTED = "not_started"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    ABORTED = "aborted"
    REJECTED = "rejected"
    INTERRUPTED = "interrupted"
    """The process that ran it is gone, and did not say how it ended."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self not in _LIVE


_LIVE = {Status.NOT_STARTED, Status.QUEUED, Status.RUNNING, Status.RETRYING, Status.WAITING}


@dataclass(frozen=True, kw_only=True)
class UsageRecord:
    """What an attempt spent. Tokens; ``cost_usd`` None where the agent does not tell."""

    input: int = 0
    cached: int = 0
    output: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class AttemptRecord:
    """One try of a step.

    Attributes:
        number: From 1, over retries, repeats and fallbacks alike.
        reason: Why it ended as it did: empty for success, else one sentence.
        place: What ran it: ``host``, ``container``, ``shared container``.
    """

    run_id: str
    step: str
    number: int
    status: Status
    started_at: float
    finished_at: float | None = None
    exit_code: int | None = None
    reason: str = ""
    place: str = ""
    provider: str = ""
    model: str = ""
    session_id: str = ""
    usage: UsageRecord | None = None


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """A step of a run. ``index`` is its place in the file; handlers follow the steps.

    ``outputs`` is what it published, secrets masked, as JSON values.
    """

    run_id: str
    name: str
    index: int
    id: str = ""
    kind: str = "step"
    status: Status = Status.NOT_STARTED
    started_at: float | None = None
    finished_at: float | None = None
    exit_code: int | None = None
    error: str = ""
    outputs: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    attempts: tuple[AttemptRecord, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run.

    Attributes:
        attempt: From 1; ``dagu retry`` adds one to the same run.
        attempt_id: Unique for each attempt.
        params: As given, secrets masked, JSON text.
        source: Text of the workflow file as it was.
        file: Path of the workflow file, empty if it came as text.
        root_id, root_name: Of the topmost run, for children.
        queue: Where a queued run waits, or waited; empty for any other.
        priority: Of a queued run: the highest in a queue starts first.
    """

    run_id: str
    workflow: str
    status: Status
    started_at: float
    attempt: int = 1
    attempt_id: str = ""
    trigger: str = "manual"
    finished_at: float | None = None
    scheduled_at: float | None = None
    params: str = ""
    error: str = ""
    file: str = ""
    source: str = field(default="", repr=False)
    root_id: str = ""
    root_name: str = ""
    parent_step: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    worker_id: str = ""
    queue: str = ""
    priority: int = 0
    steps: tuple[StepRecord, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AgentEventRecord:
    """One thing that an agent did in an attempt. ``payload`` is JSON text, secrets masked; ``id`` grows with time."""

    run_id: str
    step: str
    attempt: int
    kind: str
    payload: str = field(repr=False)
    at: float
    id: int = 0


@dataclass(frozen=True, kw_only=True)
class UsageSum:
    """What the attempts of one workflow with one provider and model spent together.

    Attributes:
        cost_usd: None where no attempt told a cost.
        without_cost: Attempts that told none, so that a sum is not taken for the whole.
    """

    workflow: str
    provider: str
    model: str
    attempts: int
    input: int
    cached: int
    output: int
    cost_usd: float | None
    without_cost: int
