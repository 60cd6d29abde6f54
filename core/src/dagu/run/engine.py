"""The container engine of a run: opened when something of the workflow needs a container, asked before it starts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import RuntimeFailure
from dagu.run.cancel import Cancellation
from dagu.run.containers import RequestMaker, resolved
from dagu.run.places import Engine, Review
from dagu.run.recorder import Recorder
from dagu.run.targets import OWN_CONTAINER
from dagu.sandbox.guardian import end_orphans
from dagu.sandbox.images import Images
from dagu.sandbox.own import Janitor
from dagu.sandbox.paths import HostPaths
from dagu.sandbox.policy import policy_from_environment
from dagu.sandbox.reaper import Leftover, leftovers, reap
from dagu.sandbox.registry import Credentials
from dagu.workflow.model import ContainerSpec, Step, Workflow
from dagu.workflow.references import has_reference
from dagu.workflow.values.resolve import resolve, resolve_value
from dagu.workflow.values.scope import Scope


def all_steps(workflow: Workflow) -> Iterator[Step]:
    """Every step of a workflow: its own, its handlers, the bodies of foreach."""
    yield from _with_bodies((*workflow.steps, *workflow.handlers.values()))


def _with_bodies(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        if step.foreach is not None:
            yield from _with_bodies(step.foreach.steps)


def needs_engine(workflow: Workflow) -> bool:
    """Whether anything of the workflow runs in a container."""
    if workflow.container is not None:
        return True
    return any(step.container is not None or step.action in OWN_CONTAINER for step in all_steps(workflow))


def open_engine(
    make_runtime: Callable[[], ContainerRuntime],
    workflow: Workflow,
    *,
    scope: Scope,
    directory: Path,
    environ: Mapping[str, str],
    run_id: str,
    recorder: Recorder,
    cancellation: Cancellation,
    review: Review,
) -> Engine:
    """Reach the engine and clear away what dead runs left on it.

    Args:
        directory: What relative bind sources are relative to.

    Raises:
        RuntimeFailure: The engine can't be reached; the message tells where, and what to do.
        UsageError: The credentials of the workflow can't be read.
    """
    credentials = Credentials(
        resolve_value(workflow.registry_auths, scope)
        if not isinstance(workflow.registry_auths, str)
        else resolve(workflow.registry_auths, scope),
        environ.get("DOCKER_AUTH_CONFIG", ""),
    )
    recorder.masker.add(credentials.secrets())
    runtime = make_runtime()
    try:
        info = runtime.check()
        for warning in info.warnings:
            recorder.notice(warning)
        _reap(runtime, recorder)
    except BaseException:
        runtime.close()
        raise
    return Engine(
        runtime=runtime,
        images=Images(runtime, auth_for=credentials.for_image, on_pull=recorder.pull),
        requests=RequestMaker(
            directory=directory,
            environ=environ,
            translate=HostPaths(runtime).translate,
            cpus=workflow.cpu_limit,
            memory=workflow.memory_limit,
        ),
        janitor=Janitor(runtime, failed=lambda container, error: _left(recorder, container, error)),
        review=review,
        policy=policy_from_environment(environ),
        run_id=run_id,
        stopped=cancellation.stopped,
        notice=recorder.notice,
    )


def preflight(engine: Engine, workflow: Workflow, scope: Scope) -> None:
    """Refuse what the runtime can't give, or nobody allows, before anything starts.

    Containers whose values are not known yet are checked when their step starts.

    Raises:
        DaguError: The first container that can't be had so.
    """
    specs = [workflow.container, *(step.container for step in all_steps(workflow))]
    for spec in dict.fromkeys(id(spec) for spec in specs if spec is not None):
        found = next(one for one in specs if id(one) == spec)
        assert found is not None
        ready = resolved(found, scope)
        if not ready.exec and not _open_ended(ready):
            engine.request(ready, env={})


def _open_ended(spec: ContainerSpec) -> bool:
    values = [getattr(spec, field.name) for field in fields(spec) if field.name not in {"env", "volumes"}]
    volumes = [entry for entry in spec.volumes if not isinstance(entry, str)]
    return any(_holds_reference(value) for value in [*values, *volumes]) or any(
        "${" in entry.partition(":")[2] for entry in spec.volumes if isinstance(entry, str)
    )


def _holds_reference(value: Any) -> bool:
    if isinstance(value, str):
        return has_reference(value)
    if isinstance(value, Mapping):
        return any(_holds_reference(item) for item in value.values())
    return isinstance(value, list | tuple) and any(_holds_reference(item) for item in value)


def _reap(runtime: ContainerRuntime, recorder: Recorder) -> None:
    def failed(thing: Leftover, error: RuntimeFailure) -> None:
        recorder.notice(f"{thing.kind} {thing.name} of a dead run can't be removed: {error.message}")

    if count := end_orphans():
        recorder.notice(f"ended {count} processes of dead runs")
    with contextlib.suppress(RuntimeFailure):  # the run itself will say what is wrong with the engine
        for thing in reap(runtime, leftovers(runtime), failed=failed):
            recorder.notice(f"removed {thing.kind} {thing.name[:12]}, left by run {thing.run}")


def _left(recorder: Recorder, container: str, error: Exception) -> None:
    recorder.notice(f"container {container[:12]} could not be removed: {error}")
