"""``claude``: Claude Code.

``claude -p`` reads its prompt from standard input. Its event stream is ``--output-format stream-json
--verbose``: https://docs.claude.com/en/docs/claude-code/headless and the message types of
https://docs.claude.com/en/docs/claude-code/sdk/sdk-typescript, checked with Claude Code 2.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.provider import (
    EventKind,
    HarnessEvent,
    Option,
    PromptChannel,
    ProviderFacts,
    Usage,
)
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import StdinProvider
from dagu_harness_providers.lines import Fields, cost, count, fields, shown, table, tables, text

FACTS = ProviderFacts(
    binary="claude",
    prompt_channel=PromptChannel.STDIN,
    credentials=("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN"),
    hosts=("api.anthropic.com",),
    event_stream=True,
    install="npm install -g @anthropic-ai/claude-code",
    homepage="https://docs.claude.com/en/docs/claude-code/headless",
)


class ClaudeProvider(StdinProvider):
    """Runs ``claude -p``."""

    program = ("claude", "-p")
    stream: ClassVar[Mapping[str, Option]] = {"output-format": "stream-json", "verbose": True}

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        message = fields(line)
        match message.get("type"):
            case "system" if message.get("subtype") == "init":
                session = text(message.get("session_id"))
                return [
                    HarnessEvent(kind=EventKind.SESSION, session_id=session, model=text(message.get("model")))
                ]
            case "assistant":
                return _assistant(table(message.get("message")))
            case "user":
                content = table(message.get("message")).get("content")
                return [_tool_result(b) for b in tables(content) if b.get("type") == "tool_result"]
            case "result":
                return _result(message)
        return ()


def _assistant(message: Fields) -> list[HarnessEvent]:
    events = []
    for block in tables(message.get("content")):
        match block.get("type"):
            case "text":
                events.append(HarnessEvent(kind=EventKind.TEXT, text=text(block.get("text"))))
            case "tool_use":
                events.append(
                    HarnessEvent(
                        kind=EventKind.TOOL_CALL,
                        tool=text(block.get("name")),
                        call_id=text(block.get("id")),
                        text=shown(block.get("input")),
                    )
                )
    name = text(message.get("id"))
    if name and isinstance(message.get("usage"), dict):
        # Each content block is a line of its own that repeats its message's usage.
        usage = _usage(table(message["usage"]))
        events.append(HarnessEvent(kind=EventKind.USAGE, usage=usage, scope=name, total=True))
    return events


def _tool_result(block: Fields) -> HarnessEvent:
    content = block.get("content")
    said = "\n".join(text(part.get("text")) for part in tables(content)) or shown(content)
    return HarnessEvent(
        kind=EventKind.TOOL_RESULT,
        call_id=text(block.get("tool_use_id")),
        text=said,
        error=block.get("is_error") is True,
    )


def _result(message: Fields) -> list[HarnessEvent]:
    failed = message.get("is_error") is True or message.get("subtype") not in ("success", None)
    answer = message.get("structured_output") or message.get("result")
    said = shown(answer) or (text(message.get("subtype")) if failed else "")
    return [
        HarnessEvent(
            kind=EventKind.USAGE,
            usage=_usage(table(message.get("usage"))),
            cost_usd=cost(message.get("total_cost_usd")),
            total=True,
        ),
        HarnessEvent(kind=EventKind.END, text=said, session_id=text(message.get("session_id")), error=failed),
    ]


def _usage(usage: Fields) -> Usage:
    cached = count(usage.get("cache_read_input_tokens"))
    written = count(usage.get("cache_creation_input_tokens"))
    return Usage(
        input=count(usage.get("input_tokens")) + written + cached,
        cached=cached,
        output=count(usage.get("output_tokens")),
    )


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``claude``."""
    yield ProviderSpec(name="claude", summary="Claude Code", facts=FACTS, factory=ClaudeProvider)
