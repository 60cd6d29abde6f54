"""What a step can see, and where it runs: the run's scope with the step's layers on top."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from dagu.errors import UsageError
from dagu.run.context import RunContext, StepContext
from dagu.run.outcome import Outcome
from dagu.run.targets import container_of, target_of
from dagu.run.upstream import Siblings, Upstream
from dagu.sandbox.command import unique
from dagu.workflow.model import Step, StreamTarget
from dagu.workflow.values.context import handler_context
from dagu.workflow.values.context import step_context as step_names
from dagu.workflow.values.environment import attempt_values, step_scope
from dagu.workflow.values.resolve import Expand, resolve
from dagu.workflow.values.scope import Scope


def step_context(
    run: RunContext,
    step: Step,
    outcomes: Mapping[str, Outcome],
    *,
    scope: Scope,
    siblings: Siblings,
    run_steps: Callable[..., Mapping[str, Outcome]],
    handler: bool,
) -> StepContext:
    """The context of a step before its first attempt.

    Args:
        scope: The run's, with what is around the step (a foreach item) added.
        siblings: The steps of its list.

    Raises:
        UsageError: Its directory can't be made.
    """
    views = Upstream(step, siblings, outcomes, outer=scope.steps)
    variables = views.variables()
    spec = container_of(run, step)
    contained = spec is not None
    if contained:
        scope = scope.replace_env(run.contained_env)
    names = (
        handler_context(name=step.name, status=run.recorder.run.status.value)
        if handler
        else step_names(name=step.name, id=step.id)
    )
    scope = replace(scope.layer(context=names), steps=views, host=None)
    layered = step_scope(scope, name=step.name, directory="", variables=variables, entries=step.env)
    directory = _directory(run, step, layered, contained=contained)
    if not contained:
        layered = step_scope(
            scope, name=step.name, directory=str(directory), variables=variables, entries=step.env
        )
    target = target_of(run, step, layered, directory)
    env = {**layered.env, **target.env}
    return StepContext(
        run=run,
        step=step,
        scope=layered.layer(env=target.env),
        env=env,
        directory=directory,
        target=target,
        outcomes=outcomes,
        run_steps=run_steps,
        streams=_streams(run, step, layered, directory),
    )


def with_attempt(
    context: StepContext, stdout: Path, stderr: Path, *, handler: bool
) -> tuple[StepContext, str]:
    """The context of one attempt, and where its declared outputs are left, in its place."""
    if handler:
        return context, ""
    contained = context.target.contained
    output = _output_path(context, stdout)
    values = attempt_values(stdout_file=str(stdout), stderr_file=str(stderr), output_file=output)
    names = step_names(
        name=context.step.name,
        id=context.step.id,
        stdout_file=str(stdout),
        stderr_file=str(stderr),
        output_file=output,
    )
    if contained:
        # The log's paths are the host's, and mean nothing in there.
        values = {"DAGU_OUTPUT_FILE": output}
    scope = context.scope.layer(env=values, context=names)
    return replace(context, scope=scope, env={**context.env, **values}), output


def _output_path(context: StepContext, stdout: Path) -> str:
    if context.target.contained:
        return unique("/tmp/.dagu-output-")
    path = stdout.with_suffix(".output")
    path.write_bytes(b"")
    return str(path)


def _directory(run: RunContext, step: Step, scope: Scope, *, contained: bool) -> Path:
    """The step's directory on the host, made if it is missing."""
    if not step.working_dir or contained:
        return run.directory
    path = run.directory / os.path.expanduser(resolve(step.working_dir, scope, expand=Expand.SCOPE))
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{step.path}.working_dir: {path} can't be used: {error.strerror}") from error
    return path


def _streams(run: RunContext, step: Step, scope: Scope, directory: Path) -> dict[str, Path]:
    found = {}
    for name, target in (("stdout", step.stdout), ("stderr", step.stderr)):
        path = _stream_path(run, target, scope, directory, f"{step.path}.{name}")
        if path is not None:
            found[name] = path
    return found


def _stream_path(
    run: RunContext, target: StreamTarget | None, scope: Scope, directory: Path, path: str
) -> Path | None:
    if target is None:
        return None
    if target.path:
        return directory / resolve(target.path, scope, expand=Expand.SCOPE)
    if not target.artifact:
        return None
    relative = Path(resolve(target.artifact, scope, expand=Expand.SCOPE))
    if relative.is_absolute() or ".." in relative.parts or run.artifacts_dir is None:
        raise UsageError(f"{path}.artifact: {relative} must stay below the run's artifacts")
    file = run.artifacts_dir / relative
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
