"""``shell``: the prompt is a script for ``sh``.

The prompt stands on the command line (``sh -c PROMPT``), so that the script's standard input is the task's
extra input.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagu
from dagu.contracts.flags import flag_arguments, prompt_argument
from dagu.contracts.provider import HarnessProvider, HarnessTask, Invocation, PromptChannel, ProviderFacts
from dagu.contracts.specs import ProviderSpec

FACTS = ProviderFacts(
    binary="sh",
    prompt_channel=PromptChannel.ARGUMENT,
    homepage="https://pubs.opengroup.org/onlinepubs/9699919799/utilities/sh.html",
)


class ShellProvider(HarnessProvider):
    """Runs ``sh -c PROMPT``; options follow as ``$0``, ``$1`` and so on."""

    def invocation(self, task: HarnessTask) -> Invocation:
        """See :meth:`HarnessProvider.invocation`."""
        script = prompt_argument(task, program="sh", fold=False)
        # A script that begins so would be read as options of sh itself.
        guard = ("--",) if script.startswith(("-", "+")) else ()
        argv = ("sh", "-c", *guard, script, *flag_arguments(task.options))
        return Invocation(argv=argv, stdin=task.stdin)


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``shell``."""
    yield ProviderSpec(
        name="shell", summary="A shell script as the prompt", facts=FACTS, factory=ShellProvider
    )
