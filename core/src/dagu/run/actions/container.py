"""``docker.run`` and ``container.run``: one command in a container, described in ``with:``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from dagu.contracts.container import ContainerState, ContainerStatus
from dagu.errors import ContainerNotFound, RequestRefused, UsageError
from dagu.run.containers import places
from dagu.run.containers.engine import Engine
from dagu.run.containers.raw import take
from dagu.run.containers.spec import checked
from dagu.run.context import StepContext
from dagu.run.steps.plan import Alternative, Plan, Prepared, Target
from dagu.run.steps.targets import occasion
from dagu.sandbox import labels
from dagu.sandbox.command import Command
from dagu.sandbox.place import Place
from dagu.sandbox.stopping import Stop
from dagu.workflow.model import ContainerSpec
from dagu.workflow.values.resolve import Expand, resolve_value
from dagu.workflow.values.shells import command_argv

_OUTPUT = "DAGU_OUTPUT_FILE"
_ENDED = {ContainerStatus.EXITED, ContainerStatus.DEAD}


def plan(context: StepContext) -> Plan:
    """A new container of ``image``, or an exec in ``container_name``; with both, whichever is possible."""
    given: Any = resolve_value(dict(context.step.with_), context.scope, expand=Expand.SCOPE)
    target = _target(context, given)
    return Plan(
        target=target,
        alternatives=(Alternative(make=lambda: [Prepared(command=_command(context, given, target))]),),
    )


def _target(context: StepContext, given: Mapping[str, Any]) -> Target:
    engine = context.run.engine
    if engine is None:
        raise UsageError("this run was started without a container engine")
    image, name = str(given.get("image") or ""), str(given.get("container_name") or "")
    if not image and not name:
        raise UsageError("with.image or with.container_name is required")
    raw = {key: given.get(key) or {} for key in ("container", "host", "network")}
    removed, raw["host"] = take(raw["host"], "AutoRemove")
    removed = given.get("auto_remove", removed)
    volumes = given.get("volumes") or ()
    made = ContainerSpec(
        image=image,
        name=name,
        pull_policy=given.get("pull") or "missing",
        volumes=(volumes,) if isinstance(volumes, str) else tuple(volumes),
        working_dir=str(given.get("working_dir") or ""),
        platform=str(given.get("platform") or ""),
        shell=_words(given.get("shell")),
        keep_container=str(removed).lower() != "true",
    )
    there = ContainerSpec(exec=name, working_dir=made.working_dir, shell=made.shell)
    run, step = context.run, context.step
    if not image:
        if wrong := [f"with.{key}" for key, value in raw.items() if value]:
            raise UsageError(
                f"{', '.join(wrong)}: {name} exists already, these are for a new container (image)"
            )
        return places.step_target(engine, checked(there), {}, occasion(run, step))
    target = places.step_target(engine, checked(made), {}, occasion(run, step, raw))
    if not name:
        return target
    existing = places.step_target(engine, checked(there), {}, occasion(run, step))
    return replace(target, open=partial(_open, engine, name, existing, target, bool(given.get("exec"))))


def _open(
    engine: Engine,
    name: str,
    existing: Target,
    made: Target,
    for_exec: bool,
    commands: Sequence[Command],
    stopped: Stop,
) -> Place:
    """A container of that name that runs is used; one of an earlier run that ended is replaced."""
    state = _state(engine, name)
    if state is not None and state.running:
        return existing.open(commands, stopped)
    if for_exec:
        raise RequestRefused(
            f"with.exec: container {name} does not run, and a new one has no use for the options of an exec",
            hint="start it beforehand, or write what is meant into `container` and `host`",
        )
    # One that was created and not started is about to be, by another runner.
    if state is not None and state.status in _ENDED and labels.OWNER in state.labels:
        engine.runtime.remove(state.id)
    return made.open(commands, stopped)


def _state(engine: Engine, name: str) -> ContainerState | None:
    try:
        return engine.runtime.inspect(name)
    except ContainerNotFound:
        return None


def _command(context: StepContext, given: Mapping[str, Any], target: Target) -> Command:
    command = given.get("command")
    if target.shell and command:
        text = command if isinstance(command, str) else " ".join(str(word) for word in command)
        argv = _shelled(target.shell, text)
    else:
        argv = _words(command)
    if not argv and not given.get("image"):
        raise UsageError("with.command is required to execute something in a container that exists already")
    env = {**context.run.contained_env, **context.own_env}
    if path := context.env.get(_OUTPUT):
        env[_OUTPUT] = str(PurePosixPath(target.temporary) / PurePosixPath(path).name)
    return Command(
        argv=argv,
        env=env,
        working_dir=target.working_dir,
        keep_entrypoint=True,
        raw_exec=given.get("exec") or {},
    )


def _shelled(shell: tuple[str, ...], text: str) -> tuple[str, ...]:
    """The shell as its author wrote it, with the command flag added if it is absent."""
    argv = command_argv(shell, text, authored_with=True, multiline=True)
    return (*shell, argv[-1]) if argv[-2] == shell[-1] else (*shell, *argv[-2:])


def _words(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if not isinstance(value, str):
        return tuple(str(word) for word in value)
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise UsageError(f"with.command: {value!r} can't be split into words: {error}") from None
