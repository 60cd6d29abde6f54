"""OpenAI Chat Completions: https://platform.openai.com/docs/api-reference/chat-streaming."""

from __future__ import annotations

import json
import uuid
from typing import Any

from model_server.script import Say, Tokens, Turn
from model_server.sse import data, pick, script

_TOOLS = {
    "write": lambda action: {"filePath": action.path, "path": action.path, "content": action.content},
    "write_file": lambda action: {"file_path": action.path, "content": action.content},
    "Create": lambda action: {"file_path": action.path, "content": action.content},
    "run_commands": lambda action: {"commands": [script(action)]},
    "bash": lambda action: {"command": script(action), "description": "Write the file"},
}


def offered(body: dict[str, Any]) -> set[str]:
    """Names of the tools that a request offers."""
    return {tool.get("function", {}).get("name", "") for tool in body.get("tools") or []}


def stream(body: dict[str, Any], turn: Turn) -> list[bytes]:
    """The events that answer a request with a turn."""
    if isinstance(turn.action, Say):
        return _events(body, {"content": turn.action.text}, "stop", turn.tokens)
    name, arguments = pick(offered(body), turn.action, _TOOLS)
    call = {
        "index": 0,
        "id": f"call_{uuid.uuid4().hex[:16]}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    }
    return _events(body, {"tool_calls": [call]}, "tool_calls", turn.tokens)


def errand(body: dict[str, Any]) -> list[bytes]:
    """The events that answer a side errand."""
    return _events(body, {"content": "ok"}, "stop", Tokens(input=0, output=0))


def _events(body: dict[str, Any], delta: dict[str, Any], reason: str, tokens: Tokens) -> list[bytes]:
    usage = {
        "prompt_tokens": tokens.input,
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
    }
    frame = {
        "id": f"chatcmpl-{uuid.uuid4().hex[:16]}",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": body.get("model", "scripted"),
    }

    def chunk(part: dict[str, Any], finish: str | None) -> bytes:
        return data({**frame, "choices": [{"index": 0, "delta": part, "finish_reason": finish}]})

    return [
        chunk({"role": "assistant", "content": ""}, None),
        chunk(delta, None),
        chunk({}, reason),
        data({**frame, "choices": [], "usage": usage}),
        b"data: [DONE]\n\n",
    ]
