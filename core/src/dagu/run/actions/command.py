"""``run:``: commands through a shell, or a script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagu.contracts.provider import Argument, FileArgument
from dagu.run.context import StepContext
from dagu.run.plan import Alternative, Plan, Prepared
from dagu.sandbox.command import Command
from dagu.workflow.values.resolve import Expand, resolve, resolve_value
from dagu.workflow.values.shells import (
    ChosenShell,
    choose_shell,
    command_argv,
    located,
    parse_shebang,
    script_argv,
)

_FILE = "dagu-script-file"
_CONTAINER_SHELL = ("/bin/sh",)


def plan(context: StepContext) -> Plan:
    """Each command in a fresh shell, one after the other; or the whole script in one."""
    return Plan(target=context.target, alternatives=(Alternative(make=lambda: _prepare(context)),))


def _prepare(context: StepContext) -> list[Prepared]:
    run = context.step.run
    if run is None:
        # A container with a command of its own, or the image's.
        spec = context.step.container
        argv = spec.command if spec is not None else ()
        return [Prepared(command=_command(context, tuple(argv), keep_entrypoint=True))]
    if run.script is not None:
        return [Prepared(command=_script(context, resolve(run.script, context.scope)))]
    texts = [resolve(text, context.scope) for text in run.commands]
    return [Prepared(command=_command(context, _argv(context, text), keep_entrypoint=True)) for text in texts]


def _argv(context: StepContext, text: str) -> tuple[str, ...]:
    shell = _shell(context)
    if shell is None:
        return _in_container(context.target.shell or _CONTAINER_SHELL, text)
    return command_argv(
        located(shell.argv, context.directory),
        text,
        authored_with=shell.authored_with,
        packages=shell.packages,
        comspec=context.env.get("COMSPEC", ""),
    )


def _in_container(shell: tuple[str, ...], text: str) -> tuple[str, ...]:
    """``container.shell`` as its author wrote it, with the command flag added if it is absent."""
    plain = command_argv(shell[:1], text)
    carrier = plain[-2]
    return (*shell, text) if shell[-1] in {carrier, "-C", "/c"} else (*shell, carrier, text)


def _script(context: StepContext, text: str) -> Command:
    shell = _shell(context)
    authored = shell is not None and shell.authored_with
    argv = None if authored else parse_shebang(text)
    if argv is not None:
        argv = (*argv, _FILE)
    elif shell is not None:
        argv = script_argv(
            located(shell.argv, context.directory),
            _FILE,
            authored_with=authored,
            packages=shell.packages,
            comspec=context.env.get("COMSPEC", ""),
        )
    else:
        own = context.target.shell or _CONTAINER_SHELL
        argv = script_argv(own if _in_container(own, "")[:-1] != own else own[:-1], _FILE)
    arguments: tuple[Argument, ...] = tuple(
        FileArgument("script", part.removesuffix(_FILE)) if part.endswith(_FILE) else part for part in argv
    )
    return _command(context, arguments, files={"script": text.encode()})


def _shell(context: StepContext) -> ChosenShell | None:
    """The step's, root's or host's shell; None in a container whose own is meant."""
    given: dict[str, Any] = {
        key: resolve_value(context.step.with_.get(key) or "", context.scope, expand=Expand.SCOPE)
        for key in ("shell", "shell_args", "shell_packages")
    }
    if context.target.contained and not given["shell"]:
        return None
    root = context.run.workflow.shell
    return choose_shell(
        step=given["shell"],
        step_args=given["shell_args"] or (),
        packages=given["shell_packages"] or (),
        root=resolve_value(root.text, context.scope, expand=Expand.SCOPE) if root else "",
        root_args=resolve_value(root.args, context.scope, expand=Expand.SCOPE) if root else (),
        default=context.run.environ.get("DAGU_DEFAULT_SHELL", ""),
        login=context.run.environ.get("SHELL", ""),
    )


def _command(
    context: StepContext,
    argv: tuple[Argument, ...],
    *,
    files: Mapping[str, bytes] | None = None,
    keep_entrypoint: bool = False,
) -> Command:
    return Command(
        argv=argv,
        env=context.env,
        working_dir=context.target.working_dir,
        files=files or {},
        keep_entrypoint=keep_entrypoint,
    )
