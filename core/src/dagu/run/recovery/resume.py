"""Going on with a run whose runner was lost: what it had done counts, and containers that outlived it are taken up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerState, ContainerStatus
from dagu.contracts.history import HistoryStore
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import ContainerNotFound, UsageError
from dagu.frozen import dataclass
from dagu.history.logs import RunLogs
from dagu.history.records import RunRecord, Status, StepRecord
from dagu.run.records.masking import Masker
from dagu.run.recovery import bookmark, retry
from dagu.run.recovery.retry import RetryPlan
from dagu.run.steps.outcome import GOOD
from dagu.sandbox import labels

ENDED = GOOD | {Status.SKIPPED, Status.FAILED}
"""States of steps that count as they are when their run goes on."""

_LIVE = {ContainerStatus.RUNNING, ContainerStatus.PAUSED}


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """An attempt that was interrupted, and what is known of its container.

    Attributes:
        events: How many of its agent's events are in history.
    """

    step: str
    number: int
    started_at: float
    events: int
    facts: bookmark.Facts


@dataclass(frozen=True, kw_only=True)
class ResumePlan:
    """How a run goes on.

    Attributes:
        interrupted: By step: attempts whose containers may still be there.
        begun: The run got as far as its steps.
    """

    retry: RetryPlan
    interrupted: Mapping[str, Interrupted]
    begun: bool


def plan(record: RunRecord, history: HistoryStore, home: Path, *, base: Path | None) -> ResumePlan:
    """What an interrupted run needs to go on.

    Args:
        record: With its steps; this process holds its lock.
        base: The base config.

    Raises:
        UsageError: It was not interrupted, or what it would need is not kept.
    """
    if record.status is not Status.INTERRUPTED:
        raise UsageError(
            f"run {record.run_id} was not interrupted: {record.status.value}",
            hint=f"`dagu retry {record.run_id}` runs what failed again",
        )
    ready = retry.plan(record, home, base=base, ended=ENDED)
    logs = RunLogs(home, record.workflow, record.run_id)
    names = {step.name for step in ready.workflow.steps}
    found = {}
    for step in record.steps:
        if step.kind == "step" and step.name in names and step.name not in ready.done:
            one = _interrupted(step, history, logs)
            if one is not None:
                found[step.name] = one
    begun = any(step.kind == "step" and step.status is not Status.NOT_STARTED for step in record.steps)
    if begun and (init := ready.workflow.handlers.get("init")):
        # It prepared what the steps go on with.
        was = {step.name: step for step in record.steps}
        steps = tuple(was[step.name] if step.name == init.name else step for step in ready.record.steps)
        ready = replace(ready, record=replace(ready.record, steps=steps))
    return ResumePlan(retry=ready, interrupted=found, begun=begun)


def _interrupted(step: StepRecord, history: HistoryStore, logs: RunLogs) -> Interrupted | None:
    if step.status is not Status.INTERRUPTED or not step.attempts:
        return None
    attempt = step.attempts[-1]
    facts = bookmark.read(bookmark.path(logs, step.name, attempt.number))
    if attempt.status is not Status.INTERRUPTED or facts is None:
        return None
    return Interrupted(
        step=step.name,
        number=attempt.number,
        started_at=attempt.started_at,
        events=len(history.agent_events(step.run_id, step.name, attempt.number)),
        facts=facts,
    )


def found_again(
    runtime: ContainerRuntime,
    run_id: str,
    interrupted: Mapping[str, Interrupted],
    masker: Masker,
    notice: Callable[[str], None],
) -> dict[str, Interrupted]:
    """Those whose container is there and can be gone on with."""
    found: dict[str, Interrupted] = {}
    for name, one in interrupted.items():
        why = _lost(runtime, run_id, one, masker)
        if why:
            notice(f"step {name} runs again: {why}")
        else:
            found[name] = one
    return found


def _lost(runtime: ContainerRuntime, run_id: str, one: Interrupted, masker: Masker) -> str:
    """Why an attempt can't be gone on with; empty if it can."""
    facts = one.facts
    if Capability.LOGS not in runtime.check().capabilities:
        return "the runtime keeps no output"
    if not facts.fed:
        return "its container did not get all of its input"
    if facts.secrets != (bookmark.digest(masker, facts.salt) if facts.salt else ""):
        return "the secrets changed, and the old ones could not be masked in its output"
    try:
        state = runtime.inspect(facts.container)
    except ContainerNotFound:
        return "its container is gone"
    wanted = {labels.RUN: run_id, labels.STEP: one.step, labels.ATTEMPT: str(one.number)}
    if any(state.labels.get(name) != value for name, value in wanted.items()):
        return "its container is another one now"
    if state.status in _LIVE:
        return ""
    if state.status is not ContainerStatus.EXITED or state.exit is None:
        return f"its container is {state.status.value}"
    if state.exit.code != 0 and _rebooted(runtime, state):
        return "its container ended with the machine"
    return ""


def _rebooted(runtime: ContainerRuntime, state: ContainerState) -> bool:
    owner = labels.owner_of(state.labels)
    here = runtime.check().shares_filesystem
    return here and owner is not None and owner.boot != labels.Owner.me().boot
