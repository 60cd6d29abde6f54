"""``deepseek``: DeepSeek Harness.

``dsh --profile headless`` reads its prompt from standard input when that is no terminal, and prints its event
stream with ``--json``, both since 0.1.6 (https://github.com/deepseek-ai/deepseek-harness, ``docs/cli-help.md``);
checked with 0.2.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.provider import EventKind, HarnessEvent, Option, PromptChannel, ProviderFacts, Usage
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import StdinProvider
from dagu_harness_providers.lines import Fields, count, fields, shown, table, text

FACTS = ProviderFacts(
    binary="dsh",
    prompt_channel=PromptChannel.STDIN,
    credentials=("DEEPSEEK_API_KEY",),
    hosts=("api.deepseek.com",),
    event_stream=True,
    install="npm install -g @deepseek-ai/dsh",
    homepage="https://github.com/deepseek-ai/deepseek-harness",
)


class DeepseekProvider(StdinProvider):
    """Runs ``dsh --profile headless``."""

    program = ("dsh", "--profile", "headless")
    stream: ClassVar[Mapping[str, Option]] = {"json": True}
    format_flags = frozenset({"json"})

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        event = fields(line)
        match event.get("type"):
            case "session":
                return [HarnessEvent(kind=EventKind.SESSION, session_id=text(event.get("sessionId")))]
            case "text":
                return [HarnessEvent(kind=EventKind.TEXT, text=text(event.get("text")))]
            case "tool_call" | "tool_result" as kind:
                return [_tool(kind, event)]
            case "status":
                return _status(event)
            case "final":
                return [HarnessEvent(kind=EventKind.END, text=text(event.get("text")))]
        return ()


def _tool(kind: str, event: Fields) -> HarnessEvent:
    call = text(event.get("callId"))
    if kind == "tool_call":
        tool, given = text(event.get("tool")), shown(event.get("input"))
        return HarnessEvent(kind=EventKind.TOOL_CALL, tool=tool, call_id=call, text=given)
    said, failed = shown(event.get("result")), event.get("status") == "error"
    return HarnessEvent(kind=EventKind.TOOL_RESULT, call_id=call, text=said, error=failed)


def _status(event: Fields) -> list[HarnessEvent]:
    reason = table(event.get("reason"))
    if event.get("phase") == "turn_end" and reason.get("kind") != "completed":
        said = text(table(reason.get("error")).get("message")) or text(reason.get("kind"))
        return [HarnessEvent(kind=EventKind.ERROR, text=said)]
    usage = table(event.get("usage"))
    if event.get("phase") != "step_end" or not usage:
        return []
    cached = count(usage.get("cacheReadTokens"))
    spent = Usage(
        input=count(usage.get("inputTokens")) + count(usage.get("cacheWriteTokens")) + cached,
        cached=cached,
        output=count(usage.get("outputTokens")),
    )
    return [HarnessEvent(kind=EventKind.USAGE, usage=spent)]


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``deepseek``."""
    yield ProviderSpec(name="deepseek", summary="DeepSeek Harness", facts=FACTS, factory=DeepseekProvider)
