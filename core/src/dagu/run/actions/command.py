"""``run:``: commands through a shell, or a script."""

from __future__ import annotations

from collections.abc import Mapping

from dagu.contracts.provider import Argument, FileArgument
from dagu.run.context import StepContext
from dagu.run.steps.plan import Alternative, Plan, Prepared
from dagu.run.steps.shells import command_line, script_line
from dagu.sandbox.command import Command
from dagu.workflow.values.resolve import resolve

_FILE = "dagu-script-file"


def plan(context: StepContext) -> Plan:
    """Each command in a fresh shell, one after the other; or the whole script in one."""
    return Plan(target=context.target, alternatives=(Alternative(make=lambda: _prepare(context)),))


def _prepare(context: StepContext) -> list[Prepared]:
    run = context.step.run
    if run is None:
        # A container with a command of its own, or the image's.
        spec = context.step.container
        argv = spec.command if spec is not None else ()
        return [Prepared(command=_command(context, tuple(argv)))]
    if run.script is not None:
        return [Prepared(command=_script(context, resolve(run.script, context.scope)))]
    texts = [resolve(text, context.scope) for text in run.commands]
    lines = [command_line(context, text) for text in texts]
    return [Prepared(command=_command(context, line)) for line in lines]


def _script(context: StepContext, text: str) -> Command:
    argv: tuple[Argument, ...] = tuple(
        FileArgument("script", part.removesuffix(_FILE)) if part.endswith(_FILE) else part
        for part in script_line(context, text, _FILE)
    )
    files = {"script": text.encode(errors="surrogateescape")}
    return _command(context, argv, files=files)


def _command(
    context: StepContext,
    argv: tuple[Argument, ...],
    *,
    files: Mapping[str, bytes] | None = None,
) -> Command:
    return Command(
        argv=argv,
        env=context.env,
        working_dir=context.target.working_dir,
        files=files or {},
        keep_entrypoint=True,
    )
