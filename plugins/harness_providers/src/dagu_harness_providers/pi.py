"""``pi``: the Pi coding agent.

``pi -p`` reads its prompt from standard input when that is no terminal. Its event stream is ``--mode json``
(``docs/json.md`` of the npm package), checked with 0.73: a failed request is an ``agent_end`` with the cause
and exit code 0, so that here only the events tell of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.provider import EventKind, HarnessEvent, Option, PromptChannel, ProviderFacts, Usage
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import StdinProvider
from dagu_harness_providers.lines import Fields, cost, count, fields, shown, table, tables, text

FACTS = ProviderFacts(
    binary="pi",
    prompt_channel=PromptChannel.STDIN,
    credentials=("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"),
    event_stream=True,
    install="npm install -g @mariozechner/pi-coding-agent",
    homepage="https://pi.dev",
)


class PiProvider(StdinProvider):
    """Runs ``pi -p``."""

    program = ("pi", "-p")
    stream: ClassVar[Mapping[str, Option]] = {"mode": "json"}
    format_flags = frozenset({"mode"})

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        event = fields(line)
        match event.get("type"):
            case "session":
                return [HarnessEvent(kind=EventKind.SESSION, session_id=text(event.get("id")))]
            case "message_end":
                return _message(table(event.get("message")))
            case "tool_execution_start":
                return [
                    HarnessEvent(
                        kind=EventKind.TOOL_CALL,
                        tool=text(event.get("toolName")),
                        call_id=text(event.get("toolCallId")),
                        text=shown(event.get("args")),
                    )
                ]
            case "tool_execution_end":
                return [
                    HarnessEvent(
                        kind=EventKind.TOOL_RESULT,
                        call_id=text(event.get("toolCallId")),
                        text=_text(table(event.get("result"))),
                        error=event.get("isError") is True,
                    )
                ]
            case "agent_end":
                return [_end(tables(event.get("messages")))]
        return ()


def _message(message: Fields) -> list[HarnessEvent]:
    if message.get("role") != "assistant":
        return []
    events = []
    if said := _text(message):
        events.append(HarnessEvent(kind=EventKind.TEXT, text=said))
    usage = table(message.get("usage"))
    cached = count(usage.get("cacheRead"))
    spent = Usage(
        input=count(usage.get("input")) + count(usage.get("cacheWrite")) + cached,
        cached=cached,
        output=count(usage.get("output")),
    )
    dollars = cost(table(usage.get("cost")).get("total"))
    model = text(message.get("model"))
    events.append(HarnessEvent(kind=EventKind.USAGE, usage=spent, cost_usd=dollars, model=model))
    return events


def _end(messages: Sequence[Fields]) -> HarnessEvent:
    last = messages[-1] if messages else {}
    failed = last.get("stopReason") in ("error", "aborted")
    said = text(last.get("errorMessage")) if failed else _text(last)
    return HarnessEvent(kind=EventKind.END, text=said, error=failed)


def _text(message: Fields) -> str:
    blocks = tables(message.get("content"))
    return "".join(text(block.get("text")) for block in blocks if block.get("type") == "text")


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``pi``."""
    yield ProviderSpec(name="pi", summary="Pi coding agent", facts=FACTS, factory=PiProvider)
