"""``dag.run`` and ``dag.enqueue``: another workflow as a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dagu.errors import UsageError
from dagu.history.records import Status
from dagu.run.cancel import Cancellation
from dagu.run.context import ChildResult, StepContext
from dagu.run.records.log import AttemptLog
from dagu.run.steps.ending import Ended, failed
from dagu.run.steps.outcome import GOOD
from dagu.run.steps.plan import Plan
from dagu.workflow.values.items import enqueue_stdout
from dagu.workflow.values.resolve import Expand, resolve_value
from dagu.workflow.values.scope import Scope
from dagu.workflow.values.text import indented_json, to_text


def plan(context: StepContext) -> Plan:
    """Runs the child inside this run, to its end, and takes its status; or queues it."""

    def run(log: AttemptLog, cancellation: Cancellation) -> Ended:
        name, params = child_of(context, context.scope)
        child = context.run.start_child(
            step=context.step.name, name=name, params=params, cancellation=cancellation
        )
        log.stdout.line(indented_json(described(child)))
        return ending_of([child])

    def enqueue(log: AttemptLog, _cancellation: Cancellation) -> Ended:
        name, params = child_of(context, context.scope)
        log.stdout.line(queued(context, [(name, params)]))
        return Ended()

    return Plan(target=context.target, inside=enqueue if context.step.action == "dag.enqueue" else run)


def child_of(context: StepContext, scope: Scope) -> tuple[str, Any]:
    """Name and input of the child, resolved in the parent.

    Args:
        scope: The step's, with an item of ``parallel`` in it where there is one.
    """
    given: Any = {
        key: resolve_value(context.step.with_.get(key), scope, expand=Expand.SCOPE)
        for key in ("dag", "params")
    }
    name = to_text(given["dag"] or "").strip()
    if not name:
        raise UsageError("with.dag is empty")
    params = given["params"]
    if params is None and scope.item is not None:
        params = scope.item.value
    return name, params


def queued(context: StepContext, jobs: Sequence[tuple[str, Any]]) -> str:
    """Queue children, and tell which."""
    queue = resolve_value(context.step.with_.get("queue"), context.scope, expand=Expand.SCOPE)
    name = to_text(queue or "").strip()
    runs = [
        context.run.start_child.enqueue(step=context.step.name, name=dag, params=params, queue=name)
        for dag, params in jobs
    ]
    return enqueue_stdout(
        [
            {"name": run.workflow, "dagRunId": run.run_id, "queue": run.queue, "status": run.status.value}
            for run in runs
        ]
    )


def described(child: ChildResult) -> Mapping[str, Any]:
    """What is printed of a child run."""
    return {
        "name": child.name,
        "dagRunId": child.run_id,
        "params": child.params,
        "outputs": dict(child.outputs),
        "outputValues": dict(child.values),
        "status": child.status.value,
    }


def ending_of(children: Sequence[ChildResult]) -> Ended:
    """How a step ends whose children ended so: any failure fails it, else any that waits makes it wait."""
    bad = [child for child in children if child.status not in GOOD | {Status.WAITING}]
    if bad:
        return failed("\n".join(_why(child) for child in bad))
    statuses = {child.status for child in children}
    for status in (Status.WAITING, Status.PARTIALLY_SUCCEEDED):
        if status in statuses:
            return Ended(status=status)
    return Ended()


def _why(child: ChildResult) -> str:
    run = f" {child.run_id}" if child.run_id else ""
    reason = f": {child.error}" if child.error else ""
    return f"{child.name}{run} {child.status.value}{reason}"
