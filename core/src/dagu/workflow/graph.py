"""The order of steps."""

from __future__ import annotations

from collections.abc import Sequence

from dagu.errors import Problem, WorkflowInvalid
from dagu.workflow.model import Step, Workflow


def find_cycle(steps: Sequence[Step]) -> tuple[str, ...]:
    """The names of steps that wait for each other in a circle, the first one repeated at the end; or nothing."""
    depends = {step.name: step.depends for step in steps}
    done: set[str] = set()
    for start, first in depends.items():
        if start in done:
            continue
        path = [start]
        position = {start: 0}
        stack = [(start, iter(first))]
        while stack:
            name, others = stack[-1]
            following = next(others, None)
            if following is None:
                stack.pop()
                path.pop()
                del position[name]
                done.add(name)
            elif following in position:
                return (*path[position[following] :], following)
            elif following not in done:
                position[following] = len(path)
                path.append(following)
                stack.append((following, iter(depends[following])))
    return ()


def order(workflow: Workflow) -> tuple[Step, ...]:
    """The steps so that each comes after those it depends on, else in file order.

    Raises:
        WorkflowInvalid: Steps depend on each other in a circle, here or in the body of a ``foreach``.
    """
    _refuse_cycles(workflow, workflow.steps)
    waiting = list(workflow.steps)
    placed: set[str] = set()
    result: list[Step] = []
    while waiting:
        later: list[Step] = []
        for step in waiting:
            if all(name in placed for name in step.depends):
                result.append(step)
                placed.add(step.name)
            else:
                later.append(step)
        waiting = later
    return tuple(result)


def _refuse_cycles(workflow: Workflow, steps: Sequence[Step]) -> None:
    cycle = find_cycle(steps)
    if cycle:
        first = next(step for step in steps if step.name == cycle[0])
        file = str(workflow.file) if workflow.file is not None else workflow.name or "workflow"
        message = f"{first.path}.depends: cyclic dependency: {' -> '.join(cycle)}"
        raise WorkflowInvalid([Problem(file, first.line, 1, message)])
    for step in steps:
        if step.foreach is not None:
            _refuse_cycles(workflow, step.foreach.steps)
