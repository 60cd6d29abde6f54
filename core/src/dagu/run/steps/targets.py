"""Where a step runs: its own ``container:``, the run's, or the host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagu.errors import UsageError
from dagu.run.context import RunContext
from dagu.run.needs import OWN_CONTAINER
from dagu.run.steps.plan import Target
from dagu.sandbox.host import HostPlace
from dagu.workflow.model import ContainerSpec, Step
from dagu.workflow.values.resolve import Expand, resolve
from dagu.workflow.values.scope import Scope

if TYPE_CHECKING:
    from dagu.run.containers.places import Occasion
    from dagu.run.containers.raw import Raw

_ON_HOST = frozenset({"dag.run", "dag.enqueue"})


def host_target(working_dir: str) -> Target:
    """The host."""
    return Target(
        kind="host", contained=False, open=lambda _commands, _stopped: HostPlace(), working_dir=working_dir
    )


def run_target(run: RunContext) -> Target:
    """Where commands of the run itself run."""
    if run.container is None:
        return host_target(str(run.directory))
    from dagu.run.containers.places import shared_target

    return shared_target(run.container)


def container_of(run: RunContext, step: Step) -> ContainerSpec | None:
    """The container that a step is meant to run in, None for the host."""
    if step.foreach is not None or step.parallel is not None or step.action in _ON_HOST | OWN_CONTAINER:
        return None
    return step.container or run.workflow.container


def target_of(run: RunContext, step: Step, scope: Scope, directory: Path) -> Target:
    """The step's target.

    Args:
        directory: The step's directory on the host.

    Raises:
        UsageError: A value of its container does not fit.
    """
    spec = container_of(run, step)
    if spec is None:
        return host_target(str(directory))
    from dagu.run.containers import places

    if step.container is None and run.container is not None:
        target = places.shared_target(run.container)
    else:
        from dagu.run.containers.egress import allowed_hosts, through_gate
        from dagu.run.containers.spec import container_env, resolved

        engine = run.engine
        if engine is None:
            raise UsageError(f"{step.path}.container: this run was started without a container engine")
        spec = resolved(spec, scope)
        hosts = allowed_hosts(spec, [step], workflow=run.workflow, providers=run.providers, scope=scope)
        spec, env = through_gate(engine.gates, spec, container_env(spec, scope), hosts)
        target = places.step_target(engine, spec, env, replace(occasion(run, step), egress=hosts))
    if not step.working_dir:
        return target
    inside = Path(target.working_dir or "/") / resolve(step.working_dir, scope, expand=Expand.SCOPE)
    return replace(target, working_dir=str(inside))


def occasion(run: RunContext, step: Step, raw: Raw | None = None) -> Occasion:
    """What a container of a step's own is made for."""
    from dagu.run.containers.places import Occasion

    return Occasion(
        step=step.name,
        attempt=lambda: run.recorder.next_attempt(step.name) - 1,
        raw=raw or {},
        noting=lambda: run.bookmarks.of(step.name) if run.bookmarks else None,
    )
