"""Command lines of a step: its shell, or its container's, around a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagu.run.context import StepContext
from dagu.workflow.values.resolve import Expand, resolve_value
from dagu.workflow.values.shells import (
    ChosenShell,
    choose_shell,
    command_argv,
    located,
    parse_shebang,
    script_argv,
)
from dagu.workflow.values.text import to_text

_CONTAINER_SHELL = ("/bin/sh",)


def command_line(context: StepContext, text: str, *, multiline: bool = False) -> tuple[str, ...]:
    """What runs a text as one command where the step's commands run.

    Args:
        multiline: The text may have several lines, and may be run without any shell: it is a condition.

    Raises:
        ShellInvalid: The shell's arguments leave no place for the text, or it has lines that it may not have.
    """
    shell = _shell(context, direct=multiline)
    if shell is None:
        return _contained(context.target.shell or _CONTAINER_SHELL, text, multiline=multiline)
    if not shell.argv:
        return (text,)
    return command_argv(
        _located(shell, context),
        text,
        authored_with=shell.authored_with,
        packages=shell.packages,
        comspec=context.env.get("COMSPEC", ""),
        multiline=multiline,
    )


def script_line(context: StepContext, text: str, file: str) -> tuple[str, ...]:
    """What runs a script: its interpreter, else the step's shell. ``file`` stands where its path will.

    Raises:
        ShellInvalid: The first line is no interpreter, or the shell's arguments leave no place for a file.
    """
    shell = _shell(context)
    authored = shell is not None and shell.authored_with
    interpreter = None if authored else parse_shebang(text)
    if interpreter is not None:
        return (*interpreter, file)
    if shell is None:
        own = context.target.shell or _CONTAINER_SHELL
        return script_argv(_without_carrier(own), file)
    return script_argv(
        _located(shell, context),
        file,
        authored_with=authored,
        packages=shell.packages,
        comspec=context.env.get("COMSPEC", ""),
    )


def _shell(context: StepContext, *, direct: bool = False) -> ChosenShell | None:
    """The step's, root's or host's shell; None in a container whose own is meant."""
    own: Mapping[str, Any] = context.step.with_ if context.step.run is not None else {}
    if context.target.contained and not own.get("shell"):
        return None
    root = context.run.workflow.shell
    environ = context.run.environ

    def words(value: Any) -> Any:
        found = resolve_value(value or (), context.scope, expand=Expand.SCOPE)
        return found if isinstance(found, str) else [to_text(word) for word in found]

    def listed(value: Any) -> list[str]:
        found = words(value)
        return [found] if isinstance(found, str) else found

    return choose_shell(
        step=words(own.get("shell")),
        step_args=listed(own.get("shell_args")),
        packages=listed(own.get("shell_packages")),
        root=words(root.text if root else None),
        root_args=words(root.args if root else None),
        default=environ.get("DAGU_DEFAULT_SHELL", ""),
        login=environ.get("SHELL", ""),
        direct=direct,
    )


def _located(shell: ChosenShell, context: StepContext) -> tuple[str, ...]:
    if not context.target.contained:
        return located(shell.argv, context.directory)
    base = context.target.working_dir
    return located(shell.argv, Path(base)) if base else shell.argv


def _contained(shell: tuple[str, ...], text: str, *, multiline: bool = False) -> tuple[str, ...]:
    """``container.shell`` as its author wrote it, with the command flag added if it is absent."""
    argv = command_argv(shell, text, authored_with=True, multiline=multiline)
    return (*shell, argv[-1]) if argv[-2] == shell[-1] else (*shell, *argv[-2:])


def _without_carrier(shell: tuple[str, ...]) -> tuple[str, ...]:
    return shell[:-1] if len(shell) > 1 and _contained(shell, "")[:-1] == shell else shell
