"""``action: exec``: one program with its arguments, no shell."""

from __future__ import annotations

from typing import Any

from dagu.errors import UsageError
from dagu.run.context import StepContext
from dagu.run.steps.plan import Alternative, Plan, Prepared
from dagu.sandbox.command import Command
from dagu.workflow.values.resolve import Expand, resolve_value
from dagu.workflow.values.text import to_text


def plan(context: StepContext) -> Plan:
    """``with.command`` and ``with.args``, as they are."""
    return Plan(target=context.target, alternatives=(Alternative(make=lambda: _prepare(context)),))


def _prepare(context: StepContext) -> list[Prepared]:
    given: Any = resolve_value(context.step.with_, context.scope, expand=Expand.HOST)
    program = to_text(given.get("command") or "")
    if not program.strip():
        raise UsageError("with.command is empty")
    args = given.get("args")
    words = args if isinstance(args, list | tuple) else () if args is None else (args,)
    command = Command(
        argv=(program, *("" if word is None else to_text(word) for word in words)),
        env=context.env,
        working_dir=context.target.working_dir,
        keep_entrypoint=True,
    )
    return [Prepared(command=command)]
