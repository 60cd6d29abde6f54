"""``cline``: Cline CLI.

It reads its prompt from standard input when that is no terminal. Its event stream is ``--json`` (``cline
--help``), checked with 3.0.65, which wants a prompt argument then: a blank one, to which the real prompt on
standard input is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.flags import prompt_bytes
from dagu.contracts.provider import (
    EventKind,
    HarnessEvent,
    HarnessTask,
    Invocation,
    Option,
    PromptChannel,
    ProviderFacts,
    Usage,
)
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import AgentProvider
from dagu_harness_providers.lines import Fields, cost, count, fields, shown, table, text

FACTS = ProviderFacts(
    binary="cline",
    prompt_channel=PromptChannel.STDIN,
    credentials=("CLINE_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY"),
    event_stream=True,
    install="npm install -g cline",
    homepage="https://docs.cline.bot/cline-cli/overview",
)


class ClineProvider(AgentProvider):
    """Runs ``cline``."""

    program = ("cline",)
    stream: ClassVar[Mapping[str, Option]] = {"json": True}
    format_flags = frozenset({"json"})

    def command(self, task: HarnessTask, flags: tuple[str, ...], events: bool) -> Invocation:
        """Prompt on standard input."""
        blank = ("--", " ") if "--json" in flags else ()
        return Invocation(argv=(*self.program, *flags, *blank), stdin=prompt_bytes(task), events=events)

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        message = fields(line)
        match message.get("type"):
            case "agent_event":
                return _agent(table(message.get("event")))
            case "run_result":
                failed = message.get("finishReason") != "completed"
                model = text(table(message.get("model")).get("id"))
                usage = table(message.get("aggregateUsage")) or table(message.get("usage"))
                return [
                    _spent(usage, "inputTokens", "cacheReadTokens", "outputTokens", model=model),
                    HarnessEvent(kind=EventKind.END, text=text(message.get("text")), error=failed),
                ]
        return ()


def _agent(event: Fields) -> list[HarnessEvent]:
    call = text(event.get("toolCallId"))
    match event.get("type"), event.get("contentType"):
        case "content_end", "text":
            return [HarnessEvent(kind=EventKind.TEXT, text=text(event.get("text")))]
        case "content_start", "tool":
            tool, given = text(event.get("toolName")), shown(event.get("input"))
            return [HarnessEvent(kind=EventKind.TOOL_CALL, tool=tool, call_id=call, text=given)]
        case "content_end", "tool":
            failed = bool(event.get("error"))
            said = shown(event.get("error") or event.get("output"))
            return [HarnessEvent(kind=EventKind.TOOL_RESULT, call_id=call, text=said, error=failed)]
        case "usage", _:
            return [_spent(event, "totalInputTokens", "totalCacheReadTokens", "totalOutputTokens")]
        case "error", _:
            said = text(table(event.get("error")).get("message"))
            return [HarnessEvent(kind=EventKind.ERROR, text=said)]
    return []


def _spent(usage: Fields, fresh: str, cached: str, output: str, *, model: str = "") -> HarnessEvent:
    return HarnessEvent(
        kind=EventKind.USAGE,
        usage=Usage(
            input=count(usage.get(fresh)), cached=count(usage.get(cached)), output=count(usage.get(output))
        ),
        cost_usd=cost(usage.get("totalCost")),
        model=model,
        total=True,
    )


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``cline``."""
    yield ProviderSpec(name="cline", summary="Cline CLI", facts=FACTS, factory=ClineProvider)
