"""What steps do: each action turns a step into a plan. A module is imported when its action is first used."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from dagu.errors import UsageError
from dagu.run.context import StepContext
from dagu.run.steps.plan import Plan
from dagu.workflow.model import Step

_MODULES = {
    "": "command",
    "exec": "exec",
    "harness.run": "harness",
    "docker.run": "container",
    "container.run": "container",
    "file.write": "file_write",
    "dag.run": "dag",
    "dag.enqueue": "dag",
    "sqlite.query": "sqlite",
}
NAMES = tuple(name for name in _MODULES if name)

Planner = Callable[[StepContext], Plan]


def planner(step: Step) -> Planner:
    """The function that plans a step.

    Raises:
        UsageError: There is no such action.
    """
    if step.foreach is not None:
        module: str | None = "foreach"
    elif step.parallel is not None:
        module = "parallel"
    else:
        module = _MODULES.get(step.action)
    if module is None:
        raise UsageError(f"unknown action {step.action!r}", hint=f"actions are {', '.join(NAMES)}")
    plan: Planner = import_module(f"{__name__}.{module}").plan
    return plan
