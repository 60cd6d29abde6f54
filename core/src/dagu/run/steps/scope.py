"""What a step can see, and where it runs: the run's scope with the step's layers on top."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from dagu.errors import DaguError, UsageError
from dagu.frozen import dataclass
from dagu.history.records import Status
from dagu.run.context import RunContext, StepContext
from dagu.run.needs import OWN_CONTAINER
from dagu.run.paths import made_directory
from dagu.run.steps.outcome import Outcome
from dagu.run.steps.targets import container_of, target_of
from dagu.run.steps.upstream import Siblings, Upstream
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
    handler: Status | None,
) -> StepContext:
    """The context of a step before its first attempt.

    Args:
        scope: The run's, with what is around the step (a foreach item) added.
        siblings: The steps of its list.
        handler: How the run ended whose handler it is.

    Raises:
        UsageError: Its directory can't be made.
    """
    views = Upstream(step, siblings, outcomes, outer=scope.steps)
    variables = views.variables()
    spec = container_of(run, step)
    contained = spec is not None
    if contained:
        # Nothing of the host's environment reaches a container.
        scope = replace(scope, env=run.contained_env, host=None)
    name = siblings.authored.get(step.name, step.name)
    names = step_names(name=name, id=step.id)
    if handler is not None:
        names = handler_context(name=name, status=handler.value)
    scope = replace(scope.layer(context=names), steps=views)
    layered = step_scope(scope, name=name, directory="", variables=variables, entries=step.env)
    directory = _directory(run, step, layered, contained=contained)
    if not contained:
        layered = step_scope(
            scope, name=name, directory=str(directory), variables=variables, entries=step.env
        )
    target = target_of(run, step, layered, directory)
    own = {entry.name for entry in step.env}
    hidden = target.hidden - own
    env = {**{name: value for name, value in layered.env.items() if name not in hidden}, **target.env}
    return StepContext(
        run=run,
        step=step,
        scope=layered.layer(env=target.env),
        env=env,
        directory=directory,
        target=target,
        outcomes=outcomes,
        run_steps=run_steps,
        names=names,
        own_env={**variables, **{entry.name: layered.env[entry.name] for entry in step.env}},
    )


@dataclass(frozen=True, kw_only=True)
class AttemptFiles:
    """The files of one attempt.

    Attributes:
        stdout, stderr: Its logs.
        also: What gets a stream too, by the stream's name.
        output_path: Where declared outputs are left, in the step's place; empty for handlers.
        output: The same file, where it is one of the host.
    """

    stdout: Path
    stderr: Path
    also: Mapping[str, Path]
    output_path: str = ""
    output: Path | None = None


def with_attempt(
    context: StepContext, number: int, *, handler: bool, left_at: str = ""
) -> tuple[StepContext, AttemptFiles]:
    """The context of one attempt, and its files.

    Args:
        left_at: Where a container that runs already leaves its outputs.

    Raises:
        UsageError: A stream goes to where it may not.
    """
    run, step = context.run, context.step
    stdout, stderr = (run.logs.path(step.name, number, stream) for stream in ("stdout", "stderr"))
    if handler:
        return context, AttemptFiles(stdout=stdout, stderr=stderr, also=_streams(context))
    contained = context.target.contained or step.action in OWN_CONTAINER
    output = None if contained else stdout.with_suffix(".output")
    output_path = left_at or str(output or unique(f"{context.target.temporary}/.dagu-output-"))
    paths = {"stdout_file": str(stdout), "stderr_file": str(stderr), "output_file": output_path}
    names = step_names(name=context.names["step.name"], id=step.id, **paths)
    values = attempt_values(**paths)
    if output is None:
        # The log's paths are the host's, and mean nothing in there.
        values = {"DAGU_OUTPUT_FILE": output_path}
    scope = context.scope.layer(env=values, context=names)
    context = replace(context, scope=scope, env={**context.env, **values})
    also = _streams(context)
    if output is not None:
        _make_empty(output)
    return context, AttemptFiles(
        stdout=stdout, stderr=stderr, also=also, output_path=output_path, output=output
    )


def _make_empty(file: Path) -> None:
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"):
            pass
    except OSError as error:
        raise DaguError(f"the output file {file} can't be made: {error.strerror}") from error


def _directory(run: RunContext, step: Step, scope: Scope, *, contained: bool) -> Path:
    """The step's directory on the host, made if it is missing."""
    if not step.working_dir or contained:
        return run.directory
    path = run.directory / os.path.expanduser(resolve(step.working_dir, scope, expand=Expand.SCOPE))
    return made_directory(path, f"{step.path}.working_dir")


def _streams(context: StepContext) -> dict[str, Path]:
    step = context.step
    found = {}
    for name, target in (("stdout", step.stdout), ("stderr", step.stderr)):
        path = _stream_path(context.run, target, context.scope, context.directory, f"{step.path}.{name}")
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
    made_directory(file.parent, f"{path}.artifact")
    return file
