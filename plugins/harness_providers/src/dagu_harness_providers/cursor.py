"""``cursor``: the Cursor Agent CLI.

Its documentation names no way to hand a prompt over but the command line. Its event stream is
``--output-format stream-json``, without usage: https://cursor.com/docs/cli/reference/output-format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.provider import EventKind, HarnessEvent, Option, PromptChannel, ProviderFacts, Usage
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers import claude_stream
from dagu_harness_providers.base import PositionalProvider
from dagu_harness_providers.lines import Fields, fields, shown, table, text

FACTS = ProviderFacts(
    binary="cursor-agent",
    prompt_channel=PromptChannel.ARGUMENT,
    credentials=("CURSOR_API_KEY",),
    event_stream=True,
    install="curl https://cursor.com/install -fsS | bash",
    homepage="https://cursor.com/docs/cli/headless",
)


class CursorProvider(PositionalProvider):
    """Runs ``cursor-agent -p``."""

    program = ("cursor-agent", "-p")
    defaults: ClassVar[Mapping[str, Option]] = {"output-format": "text"}
    stream: ClassVar[Mapping[str, Option]] = {"output-format": "stream-json"}

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        message = fields(line)
        if message.get("type") == "tool_call":
            return _tool(message)
        return claude_stream.read(line, lambda _: Usage())


def _tool(message: Fields) -> list[HarnessEvent]:
    call = text(message.get("call_id"))
    # One key names the tool: {"readToolCall": {"args": …, "result": {"success": …}}}.
    for name, value in table(message.get("tool_call")).items():
        tool = table(value)
        if message.get("subtype") == "started":
            said = shown(tool.get("args"))
            return [
                HarnessEvent(
                    kind=EventKind.TOOL_CALL, tool=name.removesuffix("ToolCall"), call_id=call, text=said
                )
            ]
        if message.get("subtype") == "completed":
            result = table(tool.get("result"))
            failed = bool(result) and "success" not in result
            said = shown(tool.get("result"))
            return [HarnessEvent(kind=EventKind.TOOL_RESULT, call_id=call, text=said, error=failed)]
    return []


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``cursor``."""
    yield ProviderSpec(name="cursor", summary="Cursor Agent", facts=FACTS, factory=CursorProvider)
