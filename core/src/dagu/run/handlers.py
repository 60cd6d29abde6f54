"""Lifecycle handlers: one step each, outside the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dagu.history.records import Status
from dagu.run.context import RunContext
from dagu.run.steps.outcome import Outcome
from dagu.run.steps.step import StepRunner
from dagu.run.steps.upstream import Siblings
from dagu.workflow.model import EMPTY

_FOR_STATUS = {
    Status.SUCCEEDED: "success",
    Status.PARTIALLY_SUCCEEDED: "success",
    Status.FAILED: "failure",
    Status.REJECTED: "failure",
    Status.ABORTED: "abort",
    Status.WAITING: "wait",
}


def run_handler(
    run: RunContext, event: str, status: Status, env: Mapping[str, str] = EMPTY
) -> Outcome | None:
    """Run the handler of an event, None if the workflow has none.

    Args:
        status: Of the run, as far as it got.
        env: What the handler gets beside its own environment.
    """
    step = run.workflow.handlers.get(event)
    if step is None:
        return None
    run.recorder.add_step(step.name, id=step.id, kind="handler")
    env = {"DAG_RUN_STATUS": status.value, **env}
    runner = StepRunner(
        run=replace(run, contained_env={**run.contained_env, **env}),
        siblings=Siblings(()),
        scope=run.scope.layer(env=env),
        run_steps=_no_steps,
        handler=status,
    )
    return runner(step, {})


def for_status(status: Status) -> str:
    """The event of a run that ended so."""
    return _FOR_STATUS.get(status, "failure")


def _no_steps(*_args: object, **_named: object) -> Mapping[str, Outcome]:
    raise AssertionError("a handler has no body")
