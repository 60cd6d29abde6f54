"""Records as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagu.cli.text import duration, timestamp
from dagu.history.records import AttemptRecord, RunRecord, StepRecord


def labels(run: RunRecord) -> list[str]:
    """Labels as ``key=value``, or ``key`` where there is no value."""
    return [f"{key}={value}" if value else key for key, value in run.labels.items()]


def run_json(run: RunRecord) -> dict[str, Any]:
    """A run as ``history`` prints it."""
    return _without_empty(
        {
            "name": run.workflow,
            "dagRunId": run.run_id,
            "status": run.status.value,
            "startedAt": timestamp(run.started_at),
            "finishedAt": timestamp(run.finished_at),
            "duration": duration(run.started_at, run.finished_at, ended=run.status.ended),
            "params": run.params,
            "labels": labels(run),
            "workerId": run.worker_id,
            "error": run.error,
        }
    )


def full_json(run: RunRecord) -> dict[str, Any]:
    """A run with its steps, as ``status`` prints it."""
    more = {
        "attempt": run.attempt,
        "trigger": run.trigger,
        "scheduledAt": timestamp(run.scheduled_at),
        "file": run.file,
        "rootName": run.root_name,
        "rootDagRunId": run.root_id,
    }
    return run_json(run) | _without_empty(more) | {"steps": [_step(step) for step in run.steps]}


def _step(step: StepRecord) -> dict[str, Any]:
    return _without_empty(
        {
            "name": step.name,
            "id": step.id,
            "kind": step.kind,
            "status": step.status.value,
            "startedAt": timestamp(step.started_at),
            "finishedAt": timestamp(step.finished_at),
            "duration": duration(step.started_at, step.finished_at, ended=step.status.ended),
            "exitCode": step.exit_code,
            "error": step.error,
            "outputs": step.outputs,
            "attempts": [_attempt(attempt) for attempt in step.attempts],
        }
    )


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    usage = attempt.usage
    return _without_empty(
        {
            "number": attempt.number,
            "status": attempt.status.value,
            "startedAt": timestamp(attempt.started_at),
            "finishedAt": timestamp(attempt.finished_at),
            "exitCode": attempt.exit_code,
            "reason": attempt.reason,
            "place": attempt.place,
            "provider": attempt.provider,
            "model": attempt.model,
            "sessionId": attempt.session_id,
            "usage": usage
            and {
                "input": usage.input,
                "cached": usage.cached,
                "output": usage.output,
                "costUsd": usage.cost_usd,
            },
        }
    )


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None and value not in ("", [], {})}
