"""A harness that a workflow defines itself, under ``harnesses.NAME``."""

from __future__ import annotations

from dagu.contracts.flags import check_prompt, flag_arguments, prompt_argument, prompt_bytes
from dagu.contracts.provider import HarnessProvider, HarnessTask, Invocation, PromptChannel, ProviderFacts
from dagu.errors import TaskInvalid, UsageError
from dagu.run.context import Providers
from dagu.workflow.model import HarnessDefinition, Workflow


def provider_named(
    workflow: Workflow, providers: Providers, name: str
) -> tuple[HarnessProvider, ProviderFacts]:
    """The workflow's own definition of a harness, else an installed provider.

    Raises:
        UsageError: There is neither.
    """
    if not name:
        raise UsageError(
            "with.provider is missing", hint="name one here, or under `harness` at the root of the workflow"
        )
    own = workflow.harnesses
    if definition := own.get(name):
        custom = CustomHarness(definition)
        return custom, custom.facts
    if name in own:
        raise UsageError(f"harness {name!r} was taken away by `harnesses.{name}: null`")
    return providers.provider(name)


class CustomHarness(HarnessProvider):
    """Builds the command line that a :class:`HarnessDefinition` describes.

    Keys keep their spelling, and a prompt that begins with a dash is handed over as it is: only the author of
    the definition knows what the program makes of it. Extra input goes to the program's standard input, in
    mode ``stdin`` after the prompt and an empty line.
    """

    def __init__(self, definition: HarnessDefinition) -> None:
        self._definition = definition

    @property
    def facts(self) -> ProviderFacts:
        """What core needs to know about the program."""
        on_stdin = self._definition.prompt_mode == "stdin"
        channel = PromptChannel.STDIN if on_stdin else PromptChannel.ARGUMENT
        return ProviderFacts(binary=self._definition.binary, prompt_channel=channel)

    def invocation(self, task: HarnessTask) -> Invocation:
        """See :meth:`HarnessProvider.invocation`."""
        definition = self._definition
        check_prompt(task.prompt)
        prompt, stdin = self._prompt(task)
        flags = flag_arguments(task.options, flag=self._flag)
        tail = (*flags, *prompt) if definition.prompt_position == "after_flags" else (*prompt, *flags)
        return Invocation(argv=(definition.binary, *definition.prefix_args, *tail), stdin=stdin)

    def _prompt(self, task: HarnessTask) -> tuple[tuple[str, ...], bytes | None]:
        definition = self._definition
        if definition.prompt_mode == "stdin":
            return (), prompt_bytes(task)
        text = prompt_argument(task, program=definition.binary, fold=False)
        if definition.prompt_mode == "flag":
            return (definition.prompt_flag, text), task.stdin
        if definition.prompt_mode == "arg":
            return (text,), task.stdin
        raise TaskInvalid(f"harness {definition.binary!r} has no prompt mode {definition.prompt_mode!r}")

    def _flag(self, key: str) -> str:
        exact = self._definition.option_flags.get(key)
        if exact is not None:
            return exact
        return ("-" if self._definition.flag_style == "single_dash" else "--") + key
