"""What the providers have in common: options become flags, the prompt takes its channel, events are switched on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from dagu.contracts.container import EMPTY
from dagu.contracts.flags import check_prompt, flag_arguments, kebab_names, prompt_argument, prompt_bytes
from dagu.contracts.provider import Argument, FileArgument, HarnessProvider, HarnessTask, Invocation, Option

PROMPT_FILE = "prompt.md"


class AgentProvider(HarnessProvider):
    """A program whose every option is a flag.

    Attributes:
        program: The binary and the arguments that stand before everything else.
        defaults: Flags that are given unless the task says otherwise, by their kebab-case names.
        stream: Flags that switch the event stream on; empty where there is none.
        format_flags: Flags by which a user takes the output's format into his own hands: then no event
            stream is asked for, and the output is what he asked for.
    """

    program: ClassVar[tuple[str, ...]]
    defaults: ClassVar[Mapping[str, Option]] = EMPTY
    stream: ClassVar[Mapping[str, Option]] = EMPTY
    format_flags: ClassVar[frozenset[str]] = frozenset({"output-format"})

    def invocation(self, task: HarnessTask) -> Invocation:
        """See :meth:`HarnessProvider.invocation`."""
        check_prompt(task.prompt)
        names = kebab_names(task.options)
        events = task.events and bool(self.stream) and self.format_flags.isdisjoint(names)
        options = {key: value for key, value in self.defaults.items() if key not in names} | dict(
            task.options
        )
        if events:
            options = {key: value for key, value in options.items() if _kebab(key) not in self.stream}
            options |= self.stream
        return self.command(task, flag_arguments(options), events)

    @abstractmethod
    def command(self, task: HarnessTask, flags: tuple[str, ...], events: bool) -> Invocation:
        """Join program, flags and prompt."""


class StdinProvider(AgentProvider):
    """The program reads its prompt from standard input; ``after`` is the argument that tells it to."""

    after: ClassVar[tuple[str, ...]] = ()

    def command(self, task: HarnessTask, flags: tuple[str, ...], events: bool) -> Invocation:
        """Prompt and extra input on standard input."""
        return Invocation(argv=(*self.program, *flags, *self.after), stdin=prompt_bytes(task), events=events)


class FileProvider(AgentProvider):
    """The program reads its prompt from the file that ``file_flag`` names."""

    file_flag: ClassVar[str]

    def command(self, task: HarnessTask, flags: tuple[str, ...], events: bool) -> Invocation:
        """Prompt and extra input in a file."""
        argv: tuple[Argument, ...] = (*self.program, self.file_flag, FileArgument(PROMPT_FILE), *flags)
        return Invocation(argv=argv, files={PROMPT_FILE: prompt_bytes(task)}, events=events)


class PositionalProvider(AgentProvider):
    """The program takes its prompt as its last argument, after ``--``.

    After it, a prompt that begins with a dash is no flag, and no flag with a list of values swallows it.
    """

    def command(self, task: HarnessTask, flags: tuple[str, ...], events: bool) -> Invocation:
        """Prompt on the command line, extra input folded into it."""
        prompt = prompt_argument(task, program=self.program[0])
        return Invocation(argv=(*self.program, *flags, "--", prompt), events=events)


def _kebab(key: str) -> str:
    return key.replace("_", "-")
