"""Whether a run needs a container engine, and for which steps. What a run on the host never needs is not imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dagu.workflow.model import ContainerSpec, Step, Workflow

OWN_CONTAINER = frozenset({"docker.run", "container.run"})
"""Actions that describe their container themselves."""


def all_steps(workflow: Workflow) -> Iterator[Step]:
    """Every step of a workflow: its own, its handlers, the bodies of foreach."""
    yield from _with_bodies((*workflow.steps, *workflow.handlers.values()))


def steps_in(workflow: Workflow, spec: ContainerSpec) -> Iterator[Step]:
    """The steps whose container that is, or would be the run's."""
    for step in all_steps(workflow):
        if (step.container or workflow.container) is spec:
            yield step


def needs_engine(workflow: Workflow) -> bool:
    """Whether anything of the workflow runs in a container."""
    if workflow.container is not None:
        return True
    return any(step.container is not None or step.action in OWN_CONTAINER for step in all_steps(workflow))


def _with_bodies(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        if step.foreach is not None:
            yield from _with_bodies(step.foreach.steps)
