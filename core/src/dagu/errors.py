"""The error tree.

A non-zero exit of a command is a result, never an exception. An exception means that something around the
command could not be done, and its message tells what happened, where, and what to do next.

    DaguError
    ├── WorkflowInvalid          the file has mistakes; carries all of them
    ├── UsageError               a name or argument given by the user does not fit
    │   └── RunNotFound          no run of that id is in history
    ├── PluginError              code of a plugin failed; names its distribution and version
    ├── TaskInvalid              a provider can't turn this task into a command
    ├── PolicyRefused            the operator's policy does not allow the container
    ├── HistoryUnreachable       the database of history did not answer; it may later
    └── RuntimeFailure           the container engine could not do what was asked
        ├── EngineUnreachable    nothing answers at the endpoint
        ├── EngineForbidden      the endpoint is there, this user may not use it
        ├── EngineLost           the engine went away in the middle of a call
        ├── ImageNotFound        the image is not there and may not, or could not, be pulled
        ├── PullFailed           the registry refused, or was not reached
        ├── ContainerNotFound    no such container
        ├── NameTaken            a container, network or volume of that name exists
        ├── CommandNotFound      the program is not in the image
        ├── CommandForbidden     the program is in the image but may not be executed
        ├── RequestRefused       the engine understood the request and refused it
        └── Unsupported          this runtime lacks a capability that was asked for
"""

from __future__ import annotations

from collections.abc import Sequence

from dagu.frozen import dataclass


class DaguError(Exception):
    """Root of everything that dagu raises on purpose.

    Args:
        message: What happened and where, in one sentence.
        hint: What to do about it; empty when there is nothing useful to say.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a workflow file. Lines and columns count from 1; 0 means unknown."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        # A file that can't be read has no line.
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class WorkflowInvalid(DaguError):
    """A workflow file has mistakes. ``problems`` holds every one that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(DaguError):
    """A name or an argument given by the user does not fit."""


class RunNotFound(UsageError):
    """History holds no run of that id."""


class PluginError(DaguError):
    """Code of a plugin failed. The message names its distribution and version."""


class TaskInvalid(DaguError):
    """A harness provider can't turn the task into a command."""


class PolicyRefused(DaguError):
    """The operator's policy, or a reviewing plugin, does not allow the container."""


class HistoryUnreachable(DaguError):
    """The database of history did not answer; it may later. What was asked of it may have been done."""


class RuntimeFailure(DaguError):
    """The container engine could not do what was asked."""


class EngineUnreachable(RuntimeFailure):
    """Nothing answers at the engine's endpoint."""


class EngineForbidden(RuntimeFailure):
    """The engine's endpoint exists, but this user may not use it."""


class EngineLost(RuntimeFailure):
    """The engine went away in the middle of a call; what it ran may still be running."""


class ImageNotFound(RuntimeFailure):
    """The image is not on the engine, and was not or could not be pulled."""


class PullFailed(RuntimeFailure):
    """The registry refused the pull, or could not be reached."""


class ContainerNotFound(RuntimeFailure):
    """The engine knows no such container."""


class NameTaken(RuntimeFailure):
    """A container, network or volume of that name exists already."""


class CommandNotFound(RuntimeFailure):
    """The program to run is not in the image (exit status 127 by convention)."""


class CommandForbidden(RuntimeFailure):
    """The program is in the image, but may not be executed (exit status 126 by convention)."""


class RequestRefused(RuntimeFailure):
    """The engine understood the request and refused it."""


class Unsupported(RuntimeFailure):
    """The runtime lacks a capability that the request needs."""
