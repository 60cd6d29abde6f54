"""Short commands that the runner asks something: command checks, and substitution in ``eval`` fields."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from dagu.contracts.container import ExitStatus
from dagu.contracts.streams import Sink, Streams, discard
from dagu.errors import CommandForbidden, CommandNotFound, DaguError, RuntimeFailure
from dagu.run.cancel import Cancellation, Deadline
from dagu.run.context import StepContext
from dagu.run.steps.shells import command_line
from dagu.sandbox.command import Command
from dagu.sandbox.host import HostPlace
from dagu.sandbox.place import Place
from dagu.workflow.values.errors import SubstitutionFailed
from dagu.workflow.values.shells import command_argv, located

LIMIT = 2.0
"""Seconds that a command substitution may take."""

_MOST = 1024 * 1024


def succeeds(context: StepContext, text: str) -> bool:
    """Whether a text, run where the step's commands run, exits with 0. What can't be started does not.

    Raises:
        DaguError: The place can't be had, or the run was stopped meanwhile.
    """
    try:
        return _ask(context, text, stdout=discard, limit=0.0).code == 0
    except (CommandNotFound, CommandForbidden):
        return False


def output(context: StepContext, text: str) -> str:
    """Standard output of a text that is run where the step's commands run.

    Raises:
        SubstitutionFailed: It exits non-zero, does not start, or takes longer than ``LIMIT``.
    """
    found = _Output()
    try:
        status = _ask(context, text, stdout=found.write, limit=LIMIT)
    except RuntimeFailure as error:
        raise _failed(error.message) from error
    return found.text(status)


def host_output(text: str, *, shell: tuple[str, ...], env: Mapping[str, str], directory: Path) -> str:
    """The same before there are steps: on the host.

    Raises:
        SubstitutionFailed: As of :func:`output`.
    """
    command = Command(
        argv=command_argv(located(shell, directory), text, multiline=True),
        env=env,
        working_dir=str(directory),
    )
    found = _Output()
    try:
        status = _run(HostPlace(), command, found.write, Cancellation(), LIMIT)
    except RuntimeFailure as error:
        raise _failed(error.message) from error
    return found.text(status)


class _Output:
    def __init__(self) -> None:
        self._buffer = BytesIO()

    def write(self, block: bytes) -> None:
        if self._buffer.tell() + len(block) > _MOST:
            raise _failed(f"it printed more than {_MOST} bytes")
        self._buffer.write(block)

    def text(self, status: ExitStatus) -> str:
        if status.code != 0:
            raise _failed(f"exit code {status.code}")
        return self._buffer.getvalue().decode(errors="replace")


def _ask(context: StepContext, text: str, *, stdout: Sink, limit: float) -> ExitStatus:
    argv = command_line(context, text, multiline=True)
    command = Command(argv=argv, env=context.env, working_dir=context.target.working_dir)
    cancellation = context.run.cancellation
    place = context.target.open([command], cancellation.stopped)
    try:
        status = _run(place, command, stdout, cancellation, limit)
    finally:
        if not context.target.shared:
            place.close()
    if cancellation.stopped.is_set():
        raise DaguError(cancellation.reason)
    return status


def _run(
    place: Place, command: Command, stdout: Sink, cancellation: Cancellation, limit: float
) -> ExitStatus:
    execution = place.start(command, Streams(stdout=stdout))
    with (
        cancellation.watching(execution, signal="TERM"),
        Deadline(execution, limit, signal="KILL", grace=0) as timer,
    ):
        status = execution.wait()
    if timer.passed:
        raise _failed(f"it took longer than {limit:g} s")
    return status


def _failed(reason: str) -> SubstitutionFailed:
    return SubstitutionFailed(f"a command substitution failed: {reason}")
