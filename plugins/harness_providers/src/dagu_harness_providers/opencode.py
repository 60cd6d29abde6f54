"""``opencode``: OpenCode.

``opencode run`` reads its prompt from standard input when that is no terminal. Its event stream is ``--format
json`` (https://opencode.ai/docs/cli/#run-1), checked with 1.18: input excludes what came from the cache, and
output excludes reasoning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.provider import EventKind, HarnessEvent, Option, PromptChannel, ProviderFacts, Usage
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import StdinProvider
from dagu_harness_providers.lines import Fields, cost, count, fields, shown, table, text

FACTS = ProviderFacts(
    binary="opencode",
    prompt_channel=PromptChannel.STDIN,
    credentials=("OPENCODE_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY"),
    event_stream=True,
    install="npm install -g opencode-ai",
    homepage="https://opencode.ai/docs/cli/",
)


class OpencodeProvider(StdinProvider):
    """Runs ``opencode run``."""

    program = ("opencode", "run")
    stream: ClassVar[Mapping[str, Option]] = {"format": "json"}
    format_flags = frozenset({"format"})

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        event = fields(line)
        part = table(event.get("part"))
        match event.get("type"):
            case "step_start":
                return [HarnessEvent(kind=EventKind.SESSION, session_id=text(event.get("sessionID")))]
            case "text":
                return [HarnessEvent(kind=EventKind.TEXT, text=text(part.get("text")))]
            case "tool_use":
                return _tool(part)
            case "step_finish":
                return _step(part)
            case "error":
                error = table(event.get("error"))
                said = text(table(error.get("data")).get("message")) or text(error.get("name"))
                return [HarnessEvent(kind=EventKind.ERROR, text=said)]
        return ()


def _tool(part: Fields) -> list[HarnessEvent]:
    # One line for a call and its result, once the tool is done.
    state = table(part.get("state"))
    call = text(part.get("callID"))
    failed = state.get("status") == "error"
    said = text(state.get("error" if failed else "output"))
    tool, given = text(part.get("tool")), shown(state.get("input"))
    return [
        HarnessEvent(kind=EventKind.TOOL_CALL, tool=tool, call_id=call, text=given),
        HarnessEvent(kind=EventKind.TOOL_RESULT, call_id=call, text=said, error=failed),
    ]


def _step(part: Fields) -> list[HarnessEvent]:
    tokens = table(part.get("tokens"))
    cache = table(tokens.get("cache"))
    cached = count(cache.get("read"))
    usage = Usage(
        input=count(tokens.get("input")) + count(cache.get("write")) + cached,
        cached=cached,
        output=count(tokens.get("output")) + count(tokens.get("reasoning")),
    )
    events = [HarnessEvent(kind=EventKind.USAGE, usage=usage, cost_usd=cost(part.get("cost")))]
    if part.get("reason") != "tool-calls":
        events.append(HarnessEvent(kind=EventKind.END))
    return events


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``opencode``."""
    yield ProviderSpec(name="opencode", summary="OpenCode", facts=FACTS, factory=OpencodeProvider)
