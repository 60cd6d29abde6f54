"""``dag.run`` and ``dag.enqueue``: another workflow as a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagu.errors import UsageError
from dagu.history.records import Status
from dagu.run.context import ChildResult, StepContext
from dagu.run.log import AttemptLog
from dagu.run.outcome import GOOD
from dagu.run.plan import Plan
from dagu.workflow.values.resolve import Expand, resolve_value
from dagu.workflow.values.scope import Scope
from dagu.workflow.values.text import indented_json


def plan(context: StepContext) -> Plan:
    """Runs the child inside this run, to its end; its status is the step's."""
    refuse_queue(context)

    def work(log: AttemptLog) -> int:
        name, params = child_of(context, context.scope)
        child = context.run.start_child(step=context.step.name, name=name, params=params)
        log.stdout.write(indented_json(described(child)).encode() + b"\n")
        if child.error:
            log.stderr.write(f"{child.name}: {child.error}\n".encode())
        return code_of(child)

    return Plan(target=context.target, inside=work)


def refuse_queue(context: StepContext) -> None:
    """There is no queue in a single run.

    Raises:
        UsageError: The step wants one.
    """
    if context.step.action == "dag.enqueue":
        raise UsageError(
            "dag.enqueue needs a queue, and this run was started without the scheduler",
            hint="use dag.run, or run it under the scheduler",
        )


def child_of(context: StepContext, scope: Scope) -> tuple[str, Any]:
    """Name and input of the child, resolved in the parent."""
    given: Any = resolve_value(dict(context.step.with_), scope, expand=Expand.SCOPE)
    name = str(given.get("dag") or "").strip()
    if not name:
        raise UsageError("with.dag is empty")
    params = given.get("params")
    if params is None and scope.item is not None:
        params = scope.item.value
    return name, params


def described(child: ChildResult) -> Mapping[str, Any]:
    """What is printed of a child run."""
    return {
        "name": child.name,
        "dagRunId": child.run_id,
        "params": child.params,
        "outputs": dict(child.outputs),
        "outputValues": dict(child.outputs),
        "status": child.status,
    }


def code_of(child: ChildResult) -> int:
    """The exit code that a child's status stands for."""
    return 0 if Status(child.status) in GOOD | {Status.WAITING} else 1
