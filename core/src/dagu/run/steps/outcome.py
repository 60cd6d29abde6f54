"""How a step ended, as the steps after it see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from dagu.frozen import dataclass
from dagu.history.records import Status
from dagu.run.steps.published import NOTHING, Published
from dagu.workflow.model import Step
from dagu.workflow.values.patterns import Pattern, expected_matcher

GOOD = frozenset({Status.SUCCEEDED, Status.PARTIALLY_SUCCEEDED})


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of a step.

    Attributes:
        exit_code: None where nothing ran.
        error: Why it failed or was aborted; secrets masked.
        excused: Its own ``continue_on`` lets the steps after it start all the same.
        published: What it published, if it succeeded.
        stdout_file, stderr_file: Logs of the last attempt.
    """

    status: Status
    exit_code: int | None = None
    error: str = ""
    excused: bool = False
    published: Published = NOTHING
    stdout_file: str = ""
    stderr_file: str = ""

    @property
    def lets_go_on(self) -> bool:
        """Whether steps that depend on this one may start."""
        return self.status in GOOD or self.excused


def excused(step: Step, outcome: Outcome) -> Outcome:
    """The outcome with the step's ``continue_on`` applied."""
    policy = step.continue_on
    if outcome.status is Status.SKIPPED:
        return replace(outcome, excused=policy.skipped)
    if outcome.status is not Status.FAILED:
        return outcome
    tolerated = (
        policy.failure
        or outcome.exit_code in policy.exit_codes
        or (bool(policy.output) and _printed(outcome, policy.output))
    )
    if tolerated and policy.mark_success:
        return replace(outcome, status=Status.SUCCEEDED, error="")
    return replace(outcome, excused=tolerated)


def _printed(outcome: Outcome, patterns: Iterable[str]) -> bool:
    matchers = [expected_matcher(pattern) for pattern in patterns]
    try:
        with Path(outcome.stdout_file).open(errors="replace") as lines:
            return any(_holds(line.rstrip("\n"), matchers) for line in lines)
    except OSError:
        return False


def _holds(line: str, matchers: Iterable[Pattern | str]) -> bool:
    return any(m.search(line) if isinstance(m, Pattern) else m in line for m in matchers)


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
