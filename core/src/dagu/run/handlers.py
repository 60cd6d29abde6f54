"""Lifecycle handlers: one step each, outside the graph."""

from __future__ import annotations

from collections.abc import Mapping

from dagu.history.records import Status
from dagu.run.context import RunContext
from dagu.run.outcome import Outcome
from dagu.run.step import StepRunner
from dagu.run.upstream import Siblings

_FOR_STATUS = {
    Status.SUCCEEDED: "success",
    Status.PARTIALLY_SUCCEEDED: "success",
    Status.FAILED: "failure",
    Status.REJECTED: "failure",
    Status.ABORTED: "abort",
    Status.WAITING: "wait",
}


def run_handler(run: RunContext, event: str, env: Mapping[str, str]) -> Outcome | None:
    """Run the handler of an event, None if the workflow has none.

    Args:
        env: What the handler gets beside its own environment (``DAG_RUN_STATUS``).
    """
    step = run.workflow.handlers.get(event)
    if step is None:
        return None
    run.recorder.add_step(step.name, id=step.id, kind="handler")
    scope = run.scope.layer(env=env)
    return StepRunner(run, Siblings(()), scope=scope, run_steps=_no_steps, handler=True)(step, {})


def for_status(status: Status) -> str:
    """The event of a run that ended so."""
    return _FOR_STATUS.get(status, "failure")


def _no_steps(*_args: object, **_named: object) -> Mapping[str, Outcome]:
    raise AssertionError("a handler has no body")
