"""``codex``: OpenAI Codex.

``codex exec -`` reads its prompt from standard input. Its event stream is ``--json``: the types are in
``codex-rs/exec/src/exec_events.rs`` of https://github.com/openai/codex; what follows was seen with 0.169:

- ``turn.completed`` tells the thread's tokens so far, cached ones inside ``input_tokens``. Nothing tells them
  earlier, so that an attempt that fails or is killed has none.
- Of the environment, only ``CODEX_API_KEY`` is a credential. ``OPENAI_API_KEY`` is one where a configured
  provider's ``env_key`` names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import dagu
from dagu.contracts.provider import EventKind, HarnessEvent, Option, PromptChannel, ProviderFacts, Usage
from dagu.contracts.specs import ProviderSpec
from dagu_harness_providers.base import StdinProvider
from dagu_harness_providers.lines import Fields, count, fields, shown, table, tables, text

FACTS = ProviderFacts(
    binary="codex",
    prompt_channel=PromptChannel.STDIN,
    credentials=("CODEX_API_KEY",),
    hosts=("api.openai.com", "chatgpt.com", "auth.openai.com"),
    event_stream=True,
    install="npm install -g @openai/codex",
    homepage="https://developers.openai.com/codex/noninteractive",
)


class CodexProvider(StdinProvider):
    """Runs ``codex exec -``, also outside of a Git repository unless ``skip_git_repo_check`` is false."""

    # First, since `--image FILE...` would take a later dash for one more file.
    program = ("codex", "exec", "-")
    defaults: ClassVar[Mapping[str, Option]] = {"skip-git-repo-check": True}
    stream: ClassVar[Mapping[str, Option]] = {"json": True}
    format_flags = frozenset({"json"})

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        """See :meth:`HarnessProvider.read_events`."""
        event = fields(line)
        match event.get("type"):
            case "thread.started":
                return [HarnessEvent(kind=EventKind.SESSION, session_id=text(event.get("thread_id")))]
            case "item.started":
                return _started(table(event.get("item")))
            case "item.completed":
                return _completed(table(event.get("item")))
            case "turn.completed":
                usage = _usage(table(event.get("usage")))
                return [
                    HarnessEvent(kind=EventKind.USAGE, usage=usage, total=True),
                    HarnessEvent(kind=EventKind.END),
                ]
            case "turn.failed":
                said = text(table(event.get("error")).get("message"))
                return [HarnessEvent(kind=EventKind.END, text=said, error=True)]
            case "error":
                return [HarnessEvent(kind=EventKind.ERROR, text=text(event.get("message")))]
        return ()


_INPUT = {
    "command_execution": "command",
    "file_change": "changes",
    "mcp_tool_call": "arguments",
    "web_search": "query",
}
"""The kinds of item that are tool calls, and the field that holds the call's input."""


def _started(item: Fields) -> list[HarnessEvent]:
    kind = text(item.get("type"))
    if kind not in _INPUT:
        return []
    call = shown(item.get(_INPUT[kind]))
    tool = text(item.get("tool")) or kind
    return [HarnessEvent(kind=EventKind.TOOL_CALL, tool=tool, call_id=text(item.get("id")), text=call)]


def _completed(item: Fields) -> list[HarnessEvent]:
    kind = text(item.get("type"))
    if kind == "agent_message":
        return [HarnessEvent(kind=EventKind.TEXT, text=text(item.get("text")))]
    if kind == "error":
        return [HarnessEvent(kind=EventKind.ERROR, text=text(item.get("message")))]
    if kind not in _INPUT:
        return []
    failed = item.get("status") in ("failed", "declined")
    return [
        HarnessEvent(
            kind=EventKind.TOOL_RESULT, call_id=text(item.get("id")), text=_said(kind, item), error=failed
        )
    ]


def _said(kind: str, item: Fields) -> str:
    if error := text(table(item.get("error")).get("message")):
        return error
    match kind:
        case "command_execution":
            return text(item.get("aggregated_output"))
        case "file_change":
            return "\n".join(
                f"{text(change.get('kind'))} {text(change.get('path'))}"
                for change in tables(item.get("changes"))
            )
        case "mcp_tool_call":
            content = tables(table(item.get("result")).get("content"))
            return "\n".join(text(part.get("text")) for part in content) or shown(item.get("result"))
    return ""


def _usage(usage: Fields) -> Usage:
    return Usage(
        input=count(usage.get("input_tokens")),
        cached=count(usage.get("cached_input_tokens")),
        output=count(usage.get("output_tokens")),
    )


@dagu.hookimpl
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer ``codex``."""
    yield ProviderSpec(name="codex", summary="OpenAI Codex", facts=FACTS, factory=CodexProvider)
