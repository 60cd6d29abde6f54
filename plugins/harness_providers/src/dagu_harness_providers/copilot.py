"""``copilot``: GitHub Copilot CLI.

It reads its prompt from standard input when no ``-p`` is given. Its event stream is ``--output-format json``
(``copilot --help``), which tells no tokens; checked with 1.0.102.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.provider import EventKind, HarnessEvent, Option, PromptChannel, ProviderFacts
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import StdinProvider
from dagu_harness_providers.lines import Fields, count, fields, shown, table, text

FACTS = ProviderFacts(
    binary="copilot",
    prompt_channel=PromptChannel.STDIN,
    credentials=("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "COPILOT_PROVIDER_API_KEY"),
    hosts=("api.githubcopilot.com", "api.github.com", "github.com"),
    event_stream=True,
    install="npm install -g @github/copilot",
    homepage="https://docs.github.com/en/copilot/how-tos/copilot-cli",
)


class CopilotProvider(StdinProvider):
    """Runs ``copilot``."""

    program = ("copilot",)
    stream: ClassVar[Mapping[str, Option]] = {"output-format": "json"}

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        event = fields(line)
        data = table(event.get("data"))
        match event.get("type"):
            case "session.tools_updated":
                return [HarnessEvent(kind=EventKind.SESSION, model=text(data.get("model")))]
            case "assistant.message":
                said = text(data.get("content"))
                return [HarnessEvent(kind=EventKind.TEXT, text=said)] if said else []
            case "tool.execution_start" | "tool.execution_complete" as kind:
                return [_tool(kind, data)]
            case "session.error":
                return [HarnessEvent(kind=EventKind.ERROR, text=text(data.get("message")))]
            case "result":
                failed = count(event.get("exitCode")) != 0
                session = text(event.get("sessionId"))
                return [HarnessEvent(kind=EventKind.END, session_id=session, error=failed)]
        return ()


def _tool(kind: str, data: Fields) -> HarnessEvent:
    call = text(data.get("toolCallId"))
    if kind == "tool.execution_start":
        tool, given = text(data.get("toolName")), shown(data.get("arguments"))
        return HarnessEvent(kind=EventKind.TOOL_CALL, tool=tool, call_id=call, text=given)
    said = text(table(data.get("result")).get("content")) or text(table(data.get("error")).get("message"))
    failed = data.get("success") is False
    return HarnessEvent(kind=EventKind.TOOL_RESULT, call_id=call, text=said, error=failed)


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``copilot``."""
    yield ProviderSpec(name="copilot", summary="GitHub Copilot CLI", facts=FACTS, factory=CopilotProvider)
