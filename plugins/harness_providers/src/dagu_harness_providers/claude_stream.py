"""Reading of the event stream that Claude Code made and others print too: system, assistant, user, result."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dagu.contracts.provider import EventKind, HarnessEvent, Usage
from dagu_harness_providers.lines import Fields, cost, fields, shown, table, tables, text

ReadUsage = Callable[[Fields], Usage]


def read(line: bytes, usage: ReadUsage) -> Sequence[HarnessEvent]:
    """The events in one line; ``usage`` reads a ``usage`` object of the dialect."""
    message = fields(line)
    match message.get("type"):
        case "system" if message.get("subtype") == "init":
            return [session(message)]
        case "assistant":
            return assistant(table(message.get("message")), usage)
        case "user":
            content = table(message.get("message")).get("content")
            return [_tool_result(block) for block in tables(content) if block.get("type") == "tool_result"]
        case "result":
            return [*_total(message, usage), end(message)]
    return ()


def session(message: Fields) -> HarnessEvent:
    """Who the agent is."""
    return HarnessEvent(
        kind=EventKind.SESSION,
        session_id=text(message.get("session_id")),
        model=text(message.get("model")),
    )


def assistant(message: Fields, usage: ReadUsage) -> list[HarnessEvent]:
    """What the agent said, did and spent in one message."""
    events = []
    for block in tables(message.get("content")):
        if block.get("type") == "text":
            events.append(HarnessEvent(kind=EventKind.TEXT, text=text(block.get("text"))))
        if block.get("type") == "tool_use":
            events.append(
                HarnessEvent(
                    kind=EventKind.TOOL_CALL,
                    tool=text(block.get("name")),
                    call_id=text(block.get("id")),
                    text=shown(block.get("input")),
                )
            )
    spent = message.get("usage")
    if isinstance(spent, dict):
        # A message may come in several lines, each of which repeats its usage.
        name = text(message.get("id"))
        events.append(HarnessEvent(kind=EventKind.USAGE, usage=usage(spent), scope=name, total=bool(name)))
    return events


def end(message: Fields) -> HarnessEvent:
    """The final answer."""
    subtype = text(message.get("subtype"))
    failed = message.get("is_error") is True or subtype not in ("success", "")
    answer = shown(message.get("structured_output") or message.get("result"))
    if failed:
        answer = answer or shown(message.get("error") or message.get("errors")) or subtype
    return HarnessEvent(
        kind=EventKind.END, text=answer, session_id=text(message.get("session_id")), error=failed
    )


def _tool_result(block: Fields) -> HarnessEvent:
    content = block.get("content")
    return HarnessEvent(
        kind=EventKind.TOOL_RESULT,
        call_id=text(block.get("tool_use_id")),
        text="\n".join(text(part.get("text")) for part in tables(content)) or shown(content),
        error=block.get("is_error") is True,
    )


def _total(message: Fields, usage: ReadUsage) -> list[HarnessEvent]:
    spent = message.get("usage")
    dollars = cost(message.get("total_cost_usd"))
    if not isinstance(spent, dict) and dollars is None:
        return []
    total = usage(spent) if isinstance(spent, dict) else None
    return [HarnessEvent(kind=EventKind.USAGE, usage=total, cost_usd=dollars, total=True)]
