"""``gemini``: Gemini CLI.

It reads its prompt from standard input when that is no terminal. Its event stream is ``--output-format
stream-json``: https://geminicli.com/docs/cli/headless, checked with 0.61.
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
    binary="gemini",
    prompt_channel=PromptChannel.STDIN,
    credentials=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
    hosts=("generativelanguage.googleapis.com",),
    event_stream=True,
    install="npm install -g @google/gemini-cli",
    homepage="https://geminicli.com/docs/cli/headless",
)


class GeminiProvider(StdinProvider):
    """Runs ``gemini``."""

    program = ("gemini",)
    stream: ClassVar[Mapping[str, Option]] = {"output-format": "stream-json"}

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        event = fields(line)
        match event.get("type"):
            case "init":
                session, model = text(event.get("session_id")), text(event.get("model"))
                return [HarnessEvent(kind=EventKind.SESSION, session_id=session, model=model)]
            case "message" if event.get("role") == "assistant":
                said, piece = text(event.get("content")), event.get("delta") is True
                return [HarnessEvent(kind=EventKind.TEXT, text=said, partial=piece)]
            case "tool_use" | "tool_result" as kind:
                return [_tool(kind, event)]
            case "error":
                return [HarnessEvent(kind=EventKind.ERROR, text=text(event.get("message")))]
            case "result":
                return _result(event)
        return ()


def _tool(kind: str, event: Fields) -> HarnessEvent:
    call = text(event.get("tool_id"))
    if kind == "tool_use":
        tool, said = text(event.get("tool_name")), shown(event.get("parameters"))
        return HarnessEvent(kind=EventKind.TOOL_CALL, tool=tool, call_id=call, text=said)
    failed = event.get("status") == "error"
    said = text(event.get("output")) or text(table(event.get("error")).get("message"))
    return HarnessEvent(kind=EventKind.TOOL_RESULT, call_id=call, text=said, error=failed)


def _result(event: Fields) -> list[HarnessEvent]:
    failed = event.get("status") == "error"
    why = text(table(event.get("error")).get("message"))
    events = [HarnessEvent(kind=EventKind.END, text=why, error=failed)]
    stats = event.get("stats")
    if isinstance(stats, dict):
        usage = Usage(
            input=count(stats.get("input_tokens")),
            cached=count(stats.get("cached")),
            output=count(stats.get("output_tokens")),
        )
        events.insert(0, HarnessEvent(kind=EventKind.USAGE, usage=usage, total=True))
    return events


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``gemini``."""
    yield ProviderSpec(name="gemini", summary="Gemini CLI", facts=FACTS, factory=GeminiProvider)
