"""The harness provider: what a plugin implements so that ``harness.run`` drives its agent program."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import field

from dagu.contracts.container import EMPTY
from dagu.frozen import dataclass

Option = str | int | float | bool | None | tuple[str | int | float | bool, ...]
"""The value of one ``with:`` key of a step: a scalar, or a list of scalars."""


class PromptChannel(enum.Enum):
    """How a provider hands the prompt to its program."""

    STDIN = "stdin"
    FILE = "file"
    ARGUMENT = "argument"
    """On the command line: visible in ``ps``, and at most ``ARGUMENT_LIMIT`` bytes."""


ARGUMENT_LIMIT = 128 * 1024 - 1
"""Bytes that one argument may have on Linux (MAX_ARG_STRLEN is 32 pages, the final NUL included; execve(2))."""


@dataclass(frozen=True, kw_only=True)
class HarnessTask:
    """What an agent is asked to do.

    Attributes:
        prompt: The prompt; it holds no NUL.
        options: The step's other ``with:`` keys, in the file's spelling; ``"true"`` and ``"10"`` are scalars.
        stdin: Extra input for the program, None when there is none.
        events: The caller wants the event stream, if the program has one.
    """

    prompt: str
    options: Mapping[str, Option] = field(default_factory=lambda: EMPTY)
    stdin: bytes | None = None
    events: bool = True


@dataclass(frozen=True)
class FileArgument:
    """An argument that names a file of the invocation: ``prefix`` and then the path where it was put."""

    name: str
    prefix: str = ""


Argument = str | FileArgument


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """The command that carries out a task.

    Attributes:
        argv: Program and arguments. No shell is involved. It never holds a secret.
        stdin: Everything the program gets on standard input; None is an empty one.
        env: Added to the step's environment, where the step does not set it itself.
        files: Name to content of files that are there, readable by the program only, while it runs.
        events: Standard output is an event stream that ``read_events`` understands. False: it is the answer.
    """

    argv: tuple[Argument, ...]
    stdin: bytes | None = field(default=None, repr=False)
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    files: Mapping[str, bytes] = field(default_factory=lambda: EMPTY, repr=False)
    events: bool = False


class EventKind(enum.Enum):
    """The vocabulary that every agent's event stream is translated into."""

    SESSION = "session"
    """The agent said who it is: ``session_id``, ``model``."""
    TEXT = "text"
    """The agent said something: ``text``; with ``partial`` it continues a ``TEXT`` right before it."""
    TOOL_CALL = "tool_call"
    """The agent uses a tool: ``tool``, ``call_id``, ``text`` (its input)."""
    TOOL_RESULT = "tool_result"
    """A tool answered: ``call_id``, ``text``, ``error``."""
    USAGE = "usage"
    """Tokens were spent: ``usage``, and ``cost_usd`` where the agent tells."""
    ERROR = "error"
    """Something went wrong that the agent reports: ``text``."""
    END = "end"
    """The agent is done: ``text`` is its final answer, empty when that was the last ``TEXT``; ``error`` if it
    says that it failed, ``text`` then tells why. Of several, the last counts."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens. ``input`` counts all that went in, ``cached`` the part of it that came from a cache."""

    input: int = 0
    cached: int = 0
    output: int = 0


@dataclass(frozen=True, kw_only=True)
class HarnessEvent:
    """One thing that an agent did.

    Attributes:
        usage: Tokens spent. With ``total`` they replace what was counted before under the same ``scope``;
            otherwise they are added.
        total: ``usage`` and ``cost_usd`` are totals so far.
        scope: What a usage belongs to (a message id, say), so that a repeated report is not counted twice;
            an empty scope with ``total`` is the whole attempt so far, whatever was counted for it before.
        cost_usd: US dollars, None where the agent does not tell.
        partial: A piece of a text that comes in several.
    """

    kind: EventKind
    text: str = ""
    tool: str = ""
    call_id: str = ""
    session_id: str = ""
    model: str = ""
    usage: Usage | None = None
    total: bool = False
    scope: str = ""
    cost_usd: float | None = None
    error: bool = False
    partial: bool = False


class HarnessProvider(ABC):
    """Turns a task into the command line of one agent program, and its output into events.

    Pure and synchronous: it sees no engine, no file and no process. One object serves many steps, from several
    threads at once, and keeps nothing between calls.

    To prove an implementation, subclass :class:`dagu.testing.ProviderConformance`.
    """

    @abstractmethod
    def invocation(self, task: HarnessTask) -> Invocation:
        """The command for a task.

        Where the program can read its prompt from standard input or from a file, the prompt does not stand in
        argv: no length limit, nothing for ``ps`` to show.

        Raises:
            TaskInvalid: An option does not fit. The message names the option.
        """

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """The events in one line of the program's standard output, newline removed.

        Called for each line in order when ``Invocation.events`` is set. A line that is no event, or is cut in
        half, gives none; it never raises.
        """
        del line
        return ()


@dataclass(frozen=True, kw_only=True)
class ProviderFacts:
    """What core needs to know about a provider's program.

    Attributes:
        binary: The program that must be on PATH, or in the image.
        prompt_channel: How the prompt travels.
        credentials: Environment names that carry its credentials, any one of which is enough.
        hosts: Host names that the program talks to, for egress rules. Empty: unknown.
        event_stream: It has a machine-readable event stream that ``read_events`` understands.
        install: One command that installs the program, for messages.
        homepage: Where its documentation is.
    """

    binary: str
    prompt_channel: PromptChannel
    credentials: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    event_stream: bool = False
    install: str = ""
    homepage: str = ""
