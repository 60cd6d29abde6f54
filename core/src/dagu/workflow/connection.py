"""Settings that look as if they chose the container engine, and do not."""

from __future__ import annotations

from collections.abc import Iterator

from dagu.workflow.model import EnvEntry, Step, Workflow

CONNECTION = ("DAGU_CONTAINER_RUNTIME", "DAGU_PODMAN_HOST", "DOCKER_HOST")
"""Names that choose the container engine in the runner's own environment, and nowhere else."""


def connection_notices(workflow: Workflow) -> tuple[str, ...]:
    """One line for each ``env`` entry that looks as if it chose the container engine."""
    return tuple(
        f"{path}: {entry.name} changes nothing about the connection to the container engine; "
        "set it in the environment that dagu itself runs in"
        for path, entry in _entries(workflow)
        if entry.name in CONNECTION
    )


def _entries(workflow: Workflow) -> Iterator[tuple[str, EnvEntry]]:
    yield from ((f"env[{index}]", entry) for index, entry in enumerate(workflow.env))
    if workflow.container is not None:
        yield from ((f"container.env[{index}]", entry) for index, entry in enumerate(workflow.container.env))
    for step in (*workflow.steps, *workflow.handlers.values()):
        yield from _step_entries(step)


def _step_entries(step: Step) -> Iterator[tuple[str, EnvEntry]]:
    yield from ((f"{step.path}.env[{index}]", entry) for index, entry in enumerate(step.env))
    if step.container is not None:
        yield from (
            (f"{step.path}.container.env[{index}]", entry) for index, entry in enumerate(step.container.env)
        )
    if step.foreach is not None:
        for inner in step.foreach.steps:
            yield from _step_entries(inner)
