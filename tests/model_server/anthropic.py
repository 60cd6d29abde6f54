"""Anthropic Messages: https://docs.anthropic.com/en/api/messages-streaming."""

from __future__ import annotations

import json
import uuid
from typing import Any

from model_server.script import Say, Tokens, Turn
from model_server.sse import named, pick, script

_TOOLS = {
    "Write": lambda action: {"file_path": action.path, "content": action.content},
    "bash": lambda action: {"command": script(action), "description": "Write the file"},
    "Bash": lambda action: {"command": script(action), "description": "Write the file"},
}


def offered(body: dict[str, Any]) -> set[str]:
    """Names of the tools that a request offers."""
    return {tool.get("name", "") for tool in body.get("tools") or []}


def stream(body: dict[str, Any], turn: Turn) -> list[bytes]:
    """The events that answer a request with a turn."""
    if isinstance(turn.action, Say):
        block: dict[str, Any] = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": turn.action.text}
        reason = "end_turn"
    else:
        name, arguments = pick(offered(body), turn.action, _TOOLS)
        block = {"type": "tool_use", "id": f"toolu_{uuid.uuid4().hex[:16]}", "name": name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
        reason = "tool_use"
    return _events(body, turn.tokens, block, delta, reason)


def errand(body: dict[str, Any]) -> list[bytes]:
    """The events that answer a side errand."""
    nothing = Tokens(input=0, output=0)
    return _events(
        body, nothing, {"type": "text", "text": ""}, {"type": "text_delta", "text": "ok"}, "end_turn"
    )


def _events(
    body: dict[str, Any], tokens: Tokens, block: dict[str, Any], delta: dict[str, Any], reason: str
) -> list[bytes]:
    usage = {
        "input_tokens": tokens.input - tokens.cached,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": 1 if tokens.output else 0,
    }
    message = {
        "id": f"msg_{uuid.uuid4().hex[:16]}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model", "scripted"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    ended = {"stop_reason": reason, "stop_sequence": None}
    return [
        named("message_start", message=message),
        named("content_block_start", index=0, content_block=block),
        named("content_block_delta", index=0, delta=delta),
        named("content_block_stop", index=0),
        named("message_delta", delta=ended, usage={**usage, "output_tokens": tokens.output}),
        named("message_stop"),
    ]
