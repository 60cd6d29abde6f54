"""``docker.run`` and ``container.run``: one command in a container, described in ``with:``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from dagu.errors import UsageError
from dagu.run import places
from dagu.run.context import StepContext
from dagu.run.plan import Alternative, Plan, Prepared, Target
from dagu.sandbox.command import Command
from dagu.workflow.container_values import parse_pull_policy
from dagu.workflow.model import ContainerSpec
from dagu.workflow.values.resolve import Expand, resolve_value


def plan(context: StepContext) -> Plan:
    """A new container of ``image``, or an exec in ``container_name``."""
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
    volumes = given.get("volumes") or ()
    spec = ContainerSpec(
        exec="" if image else name,
        image=image,
        name=name if image else "",
        pull_policy=parse_pull_policy(given.get("pull") or "missing"),
        volumes=(volumes,) if isinstance(volumes, str) else tuple(volumes),
        working_dir=str(given.get("working_dir") or ""),
        platform=str(given.get("platform") or ""),
        shell=_words(given.get("shell")),
        keep_container=given.get("auto_remove") not in {True, "true"},
    )
    raw = {key: given.get(key) or {} for key in ("container", "host", "network")}
    return places.step_target(
        engine,
        spec,
        context.scope,
        step=context.step.name,
        attempt=lambda: context.run.recorder.next_attempt(context.step.name) - 1,
        raw=raw,
    )


def _command(context: StepContext, given: Mapping[str, Any], target: Target) -> Command:
    argv = _words(given.get("command"))
    if argv and target.shell:
        text = given["command"] if isinstance(given["command"], str) else shlex.join(argv)
        argv = (*target.shell, text) if target.shell[-1] in {"-c", "/c"} else (*target.shell, "-c", text)
    return Command(
        argv=argv,
        env={**context.run.contained_env, **context.own_env, **_output_file(context)},
        working_dir=target.working_dir,
        keep_entrypoint=True,
        raw_exec=given.get("exec") or {},
    )


def _output_file(context: StepContext) -> dict[str, str]:
    path = context.env.get("DAGU_OUTPUT_FILE")
    return {"DAGU_OUTPUT_FILE": path} if path else {}


def _words(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    return tuple(shlex.split(value)) if isinstance(value, str) else tuple(str(word) for word in value)
