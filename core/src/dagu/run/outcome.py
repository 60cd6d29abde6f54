"""How a step ended, as the steps after it see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dagu.contracts.container import EMPTY
from dagu.history.records import Status

GOOD = frozenset({Status.SUCCEEDED, Status.PARTIALLY_SUCCEEDED})


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a step.

    Attributes:
        exit_code: None where nothing ran.
        error: Why it failed or was aborted; secrets masked.
        excused: Its own ``continue_on`` lets the steps after it start all the same.
        variable: Name and value of the string form of ``output``.
        outputs: Declared outputs by name, as text to insert.
        object_output: What the object form of ``output`` published, as JSON values; None without one.
        fields: What ``stdout.outputs`` published, as JSON values.
        stdout_file, stderr_file: Logs of the last attempt.
    """

    status: Status
    exit_code: int | None = None
    error: str = ""
    excused: bool = False
    variable: tuple[str, str] | None = None
    outputs: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    object_output: Mapping[str, Any] | None = field(default=None, repr=False)
    fields: Mapping[str, Any] = field(default_factory=lambda: EMPTY, repr=False)
    stdout_file: str = ""
    stderr_file: str = ""

    @property
    def lets_go_on(self) -> bool:
        """Whether steps that depend on this one may start."""
        return self.status in GOOD or self.excused


def total(outcomes: Iterable[Outcome]) -> Status:
    """The status of a run from those of its steps.

    A tolerated failure makes it partial if something succeeded; skips alone leave it succeeded.
    """
    ended = list(outcomes)
    statuses = {outcome.status for outcome in ended}
    if any(o.status in {Status.FAILED, Status.REJECTED} and not o.excused for o in ended):
        return Status.REJECTED if Status.REJECTED in statuses else Status.FAILED
    if any(o.status is Status.ABORTED and not o.excused for o in ended):
        return Status.ABORTED
    if Status.WAITING in statuses:
        return Status.WAITING
    tolerated = any(o.status in {Status.FAILED, Status.ABORTED} for o in ended)
    if tolerated and not statuses & GOOD:
        return Status.FAILED
    if tolerated or Status.PARTIALLY_SUCCEEDED in statuses:
        return Status.PARTIALLY_SUCCEEDED
    return Status.SUCCEEDED
