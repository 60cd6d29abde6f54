"""``droid``: Factory Droid.

``droid exec`` reads its prompt from standard input. Its event stream is ``--output-format stream-json``
(https://docs.factory.ai/cli/droid-exec/overview), checked with 0.215.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.provider import EventKind, HarnessEvent, Option, PromptChannel, ProviderFacts, Usage
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import StdinProvider
from dagu_harness_providers.claude_stream import session
from dagu_harness_providers.lines import Fields, count, fields, shown, table, text

FACTS = ProviderFacts(
    binary="droid",
    prompt_channel=PromptChannel.STDIN,
    credentials=("FACTORY_API_KEY",),
    event_stream=True,
    install="npm install -g droid",
    homepage="https://docs.factory.ai/cli/droid-exec/overview",
)


class DroidProvider(StdinProvider):
    """Runs ``droid exec``."""

    program = ("droid", "exec")
    stream: ClassVar[Mapping[str, Option]] = {"output-format": "stream-json"}

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        message = fields(line)
        match message.get("type"):
            case "system" if message.get("subtype") == "init":
                return [session(message)]
            case "message" if message.get("role") == "assistant":
                return [HarnessEvent(kind=EventKind.TEXT, text=text(message.get("text")))]
            case "tool_call" | "tool_result" as kind:
                return [_tool(kind, message)]
            case "error":
                return [HarnessEvent(kind=EventKind.ERROR, text=text(message.get("message")))]
            case "completion":
                said = text(message.get("finalText"))
                return [_spent(table(message.get("usage"))), HarnessEvent(kind=EventKind.END, text=said)]
        return ()


def _tool(kind: str, message: Fields) -> HarnessEvent:
    call = text(message.get("id"))
    if kind == "tool_call":
        tool, given = text(message.get("toolName")), shown(message.get("parameters"))
        return HarnessEvent(kind=EventKind.TOOL_CALL, tool=tool, call_id=call, text=given)
    said = shown(message.get("value") or message.get("error"))
    failed = message.get("isError") is True
    return HarnessEvent(kind=EventKind.TOOL_RESULT, call_id=call, text=said, error=failed)


def _spent(usage: Fields) -> HarnessEvent:
    cached = count(usage.get("cache_read_input_tokens"))
    written = count(usage.get("cache_creation_input_tokens"))
    total = Usage(
        input=count(usage.get("input_tokens")) + written + cached,
        cached=cached,
        output=count(usage.get("output_tokens")),
    )
    return HarnessEvent(kind=EventKind.USAGE, usage=total, total=True)


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``droid``."""
    yield ProviderSpec(name="droid", summary="Factory Droid", facts=FACTS, factory=DroidProvider)
