"""``${context.…}`` of a run, step or handler: dotted names to text, without what is out of scope."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from dagu.workflow.model import Value
from dagu.workflow.values.tokens import Kind, tokens

TRIGGER_TYPES = frozenset({"manual", "scheduler", "webhook", "subdag", "retry", "catchup", "unknown"})


def run_context(
    *,
    dag_name: str,
    run_id: str,
    attempt_id: str,
    started_at: datetime,
    trigger_type: str,
    log_file: str,
    work_dir: str,
    artifacts_dir: str = "",
    scheduled_at: datetime | None = None,
    root_name: str = "",
    root_id: str = "",
    actor: str = "",
    profile_name: str = "",
    profile_resolved_at: datetime | None = None,
) -> dict[str, str]:
    """What the whole run sees. Empty text and None are out of scope.

    Args:
        started_at: When this attempt of the run started.
        artifacts_dir: Given where artifacts are active.
        scheduled_at: The schedule time of a scheduled run.
        root_name: Of children: the workflow that the outermost run is of.
    """
    return _present(
        {
            "dag.name": dag_name,
            "run.id": run_id,
            "run.scheduled_at": _utc(scheduled_at),
            "run.root_name": root_name,
            "run.root_id": root_id,
            "attempt.id": attempt_id,
            "attempt.started_at": _utc(started_at),
            "trigger.type": trigger_type,
            "trigger.actor": actor,
            "paths.log_file": log_file,
            "paths.work_dir": work_dir,
            "paths.artifacts_dir": artifacts_dir,
            "profile.name": profile_name,
            "profile.resolved_at": _utc(profile_resolved_at),
        }
    )


def step_context(
    *, name: str, id: str = "", stdout_file: str = "", stderr_file: str = "", output_file: str = ""
) -> dict[str, str]:
    """What a step adds. Files are out of scope until they are assigned."""
    return _present(
        {
            "step.name": name,
            "step.id": id,
            "paths.step_stdout_file": stdout_file,
            "paths.step_stderr_file": stderr_file,
            "paths.step_output_file": output_file,
        }
    )


def handler_context(*, name: str, status: str) -> dict[str, str]:
    """What a handler adds: its name and the status of the run."""
    return {"step.name": name, "run.status": status}


def names_artifacts(value: Value) -> bool:
    """Whether anything in a value names the directory of artifacts, which makes artifacts active."""
    match value:
        case str():
            path = ("paths", "artifacts_dir")
            named = any(token.kind is Kind.CONTEXT and token.path == path for token in tokens(value))
            return named or "DAG_RUN_ARTIFACTS_DIR" in value
        case Mapping():
            return any(names_artifacts(item) for item in value.values())
        case list() | tuple():
            return any(names_artifacts(item) for item in value)
    return False


def timestamp(moment: datetime) -> str:
    """A moment in UTC, to the second: ``2031-04-05T06:07:08Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _utc(moment: datetime | None) -> str:
    return "" if moment is None else timestamp(moment)


def _present(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
