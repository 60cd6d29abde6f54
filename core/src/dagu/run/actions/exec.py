"""``action: exec``: one program with its arguments, no shell."""

from __future__ import annotations

from typing import Any

from dagu.errors import UsageError
from dagu.run.context import StepContext
from dagu.run.plan import Alternative, Plan, Prepared
from dagu.sandbox.command import Command
from dagu.workflow.values.resolve import Expand, resolve_value


def plan(context: StepContext) -> Plan:
    """``with.command`` and ``with.args``, as they are."""
    return Plan(target=context.target, alternatives=(Alternative(make=lambda: _prepare(context)),))


def _prepare(context: StepContext) -> list[Prepared]:
    given: Any = resolve_value(context.step.with_, context.scope, expand=Expand.HOST)
    program = str(given.get("command") or "")
    if not program.strip():
        raise UsageError("with.command is empty")
    args = given.get("args") or ()
    words = (args,) if isinstance(args, str) else tuple(str(arg) for arg in args)
    command = Command(
        argv=(program, *words),
        env=context.env,
        working_dir=context.target.working_dir,
        keep_entrypoint=True,
    )
    return [Prepared(command=command)]
