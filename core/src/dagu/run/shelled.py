"""Short commands of the runner's own: command substitution of ``eval`` fields."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from dagu.contracts.streams import Streams
from dagu.errors import RuntimeFailure
from dagu.run.cancel import Deadline
from dagu.run.context import StepContext
from dagu.sandbox.command import Command
from dagu.sandbox.host import HostPlace
from dagu.workflow.values.errors import SubstitutionFailed
from dagu.workflow.values.resolve import Expand, resolve_value
from dagu.workflow.values.shells import choose_shell, command_argv, located

LIMIT = 2.0
"""Seconds that a command substitution may take."""


def default_shell(context: StepContext) -> tuple[str, ...]:
    """The shell of a step on the host, as its commands would get it."""
    given = {
        key: resolve_value(context.step.with_.get(key) or "", context.scope, expand=Expand.SCOPE)
        for key in ("shell", "shell_args")
    }
    root = context.run.workflow.shell
    chosen = choose_shell(
        step=given["shell"],
        step_args=given["shell_args"] or (),
        root=resolve_value(root.text, context.scope, expand=Expand.SCOPE) if root else "",
        root_args=resolve_value(root.args, context.scope, expand=Expand.SCOPE) if root else (),
        default=context.run.environ.get("DAGU_DEFAULT_SHELL", ""),
        login=context.run.environ.get("SHELL", ""),
    )
    return chosen.argv


def shell_output(context: StepContext, text: str) -> str:
    """Standard output of a command in a step's shell, environment and directory, on the host."""
    return run_in_shell(text, shell=default_shell(context), env=context.env, directory=context.directory)


def run_in_shell(text: str, *, shell: tuple[str, ...], env: Mapping[str, str], directory: Path) -> str:
    """Standard output of a command, as text.

    Raises:
        SubstitutionFailed: It exits non-zero, does not start, or takes longer than ``LIMIT``.
    """
    argv = command_argv(located(shell, directory), text)
    output, errors = BytesIO(), BytesIO()
    try:
        execution = HostPlace().start(
            Command(argv=argv, env=env, working_dir=str(directory)),
            Streams(stdout=output.write, stderr=errors.write),
        )
        with Deadline(execution, LIMIT, signal="KILL", grace=0) as timer:
            status = execution.wait()
    except RuntimeFailure as error:
        raise SubstitutionFailed(f"a command substitution failed: {error.message}") from error
    if timer.passed:
        raise SubstitutionFailed(f"a command substitution took longer than {LIMIT:g} s")
    if status.code != 0:
        raise SubstitutionFailed(f"a command substitution failed with exit code {status.code}")
    return output.getvalue().decode(errors="replace")
