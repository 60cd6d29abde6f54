"""Taking up a recorded run: which of its steps need not run again, and the input that it had."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path

from dagu.errors import UsageError
from dagu.frozen import dataclass
from dagu.history.logs import STREAMS, RunLogs
from dagu.history.records import EMPTY, RunRecord, Status, StepRecord
from dagu.run.steps.outcome import GOOD, Outcome, excused
from dagu.run.steps.published import from_record
from dagu.workflow.graph import order
from dagu.workflow.load import load_text
from dagu.workflow.model import Step, Workflow
from dagu.workflow.values.params_tokens import CallerInput, caller_input, structured_input
from dagu.workflow.values.text import parse_json
from dagu.workflow.withheld import MASK, complete


@dataclass(frozen=True, kw_only=True)
class RetryPlan:
    """How a run goes on.

    Attributes:
        record: The run up to now, what runs again reset.
        done: Outcomes of the steps that need not run again.
    """

    workflow: Workflow
    record: RunRecord
    given: CallerInput
    done: Mapping[str, Outcome] = field(default_factory=dict)
    scheduled: datetime | None = None
    notices: Sequence[str] = ()


ENDED_WELL = GOOD | {Status.SKIPPED}
"""States of steps that need not run again."""


def plan(
    record: RunRecord, home: Path, *, base: Path | None, ended: Collection[Status] = ENDED_WELL
) -> RetryPlan:
    """What a recorded run needs to go on, as its file was when it started.

    Args:
        record: With its steps; nobody runs it now.
        base: The base config.
        ended: States of steps that count as they are.

    Raises:
        UsageError: There is nothing to run again, or what it would need is not kept.
    """
    if record.root_id:
        raise UsageError(
            f"run {record.run_id} is a child of run {record.root_id}", hint=f"dagu retry {record.root_id}"
        )
    if record.status is Status.SUCCEEDED:
        raise UsageError(
            f"run {record.run_id} succeeded: there is nothing to retry", hint=f"dagu restart {record.run_id}"
        )
    workflow = _workflow(record, base)
    order(workflow)
    scheduled = datetime.fromtimestamp(record.scheduled_at, UTC) if record.scheduled_at else None
    ready = RetryPlan(workflow=workflow, record=record, given=given_again(record), scheduled=scheduled)
    if record.status is Status.QUEUED:
        steps = tuple(
            StepRecord(run_id=record.run_id, name=step.name, index=index, id=step.id)
            for index, step in enumerate(workflow.steps)
        )
        begun = replace(record, attempt=0, started_at=datetime.now(UTC).timestamp(), steps=steps)
        return replace(ready, record=begun)
    kept = {step.name: step for step in record.steps if step.kind == "step"}
    failed, secret = _again(workflow.steps, kept, ended)
    again = failed | secret
    logs = RunLogs(home, record.workflow, record.run_id)
    done = {
        step.name: _outcome(step, kept[step.name], logs) for step in workflow.steps if step.name not in again
    }
    return replace(
        ready,
        record=replace(record, steps=tuple(_reset(step, done) for step in record.steps)),
        done=done,
        notices=[
            f"step {name} runs again: history does not keep the secret that is in its outputs"
            for name in sorted(secret)
        ],
    )


def given_again(record: RunRecord) -> CallerInput:
    """The input of a recorded run.

    Raises:
        UsageError: It held a secret, which is not kept.
    """
    text = record.params
    if MASK in text:
        raise UsageError(
            f"the parameters of run {record.run_id} held a secret, which history does not keep",
            hint="start the workflow anew and give it the parameters",
        )
    if not text:
        return CallerInput()
    value = parse_json(text)
    if not isinstance(value, dict):
        return structured_input(value) if record.status is Status.QUEUED else caller_input(text)
    # Positional values are kept under their numbers.
    return CallerInput(
        tokens=tuple(("" if name.isdecimal() else name, each) for name, each in value.items()), payload=text
    )


def _workflow(record: RunRecord, base: Path | None) -> Workflow:
    file = Path(record.file) if record.file else None
    text = complete(record.source, file)
    found = load_text(text, name=record.file or record.workflow, file=file, base=base)
    return found.documents.get(record.workflow, found) if record.parent_step else found


def _again(
    steps: Sequence[Step], kept: Mapping[str, StepRecord], ended: Collection[Status]
) -> tuple[set[str], set[str]]:
    """The steps that run again: those that did not end so with all after them, and those they need secrets of."""
    dependents: dict[str, list[str]] = {}
    for step in steps:
        for name in step.depends:
            dependents.setdefault(name, []).append(step.name)
    failed = {step.name for step in steps if step.name not in kept or kept[step.name].status not in ended}
    failed = _closure(failed, dependents)
    needed = _closure(failed, {step.name: step.depends for step in steps}) - failed
    secret = {name for name in needed if MASK in json.dumps(kept[name].outputs, default=dict)}
    return failed, secret


def _closure(names: Iterable[str], following: Mapping[str, Sequence[str]]) -> set[str]:
    found = set(names)
    waiting = list(found)
    while waiting:
        for name in following.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def _outcome(step: Step, kept: StepRecord, logs: RunLogs) -> Outcome:
    number = len(kept.attempts)
    stdout, stderr = (str(logs.path(step.name, number, stream)) if number else "" for stream in STREAMS)
    outcome = Outcome(
        status=kept.status,
        exit_code=kept.exit_code,
        error=kept.error,
        published=from_record(kept.outputs),
        stdout_file=stdout,
        stderr_file=stderr,
    )
    return excused(step, outcome)


def _reset(step: StepRecord, done: Mapping[str, Outcome]) -> StepRecord:
    belongs_to = step.name.partition("[")[0] if step.kind == "foreach" else step.name
    if step.kind != "handler" and belongs_to in done:
        return step
    return replace(
        step,
        status=Status.NOT_STARTED,
        started_at=None,
        finished_at=None,
        exit_code=None,
        error="",
        outputs=EMPTY,
    )
