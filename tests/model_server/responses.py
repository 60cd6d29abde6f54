"""OpenAI Responses: https://platform.openai.com/docs/api-reference/responses-streaming."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from model_server.script import Say, Tokens, Turn, WriteFile
from model_server.sse import named, pick, script

Item = dict[str, Any]


def offered(body: dict[str, Any]) -> set[str]:
    """Names of the tools that a request offers.

    They stand in ``tools``, or in an ``additional_tools`` item of the input; namespaces hold further ones.
    """
    return set(_names(body.get("tools") or [])) | {
        name
        for item in body.get("input") or []
        if isinstance(item, dict) and item.get("type") == "additional_tools"
        for name in _names(item.get("tools") or [])
    }


def stream(body: dict[str, Any], turn: Turn) -> list[bytes]:
    """The events that answer a request with a turn."""
    if isinstance(turn.action, Say):
        return _said(turn.action.text, turn.tokens)
    name, item = pick(offered(body), turn.action, _TOOLS)
    call = f"call_{uuid.uuid4().hex[:16]}"
    return _events([{**item, "id": f"item_{call}", "call_id": call, "name": name}], [], turn.tokens)


def errand(body: dict[str, Any]) -> list[bytes]:
    """The events that answer a side errand."""
    del body
    return _said("ok", Tokens(input=0, output=0))


def _names(tools: list[Item]) -> Iterator[str]:
    for tool in tools:
        yield tool.get("name") or tool.get("type") or ""
        yield from _names(tool.get("tools") or [])


def _function(arguments: dict[str, Any]) -> Item:
    return {"type": "function_call", "arguments": json.dumps(arguments)}


def _javascript(action: WriteFile) -> Item:
    command = json.dumps({"cmd": script(action)})
    return {"type": "custom_tool_call", "input": f"text(await tools.exec_command({command}));"}


_TOOLS = {
    "exec_command": lambda action: _function({"cmd": script(action)}),
    "shell_command": lambda action: _function({"command": script(action)}),
    "shell": lambda action: _function({"command": ["sh", "-c", script(action)]}),
    "exec": _javascript,
}


def _said(text: str, tokens: Tokens) -> list[bytes]:
    item = {
        "type": "message",
        "id": f"msg_{uuid.uuid4().hex[:16]}",
        "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }
    delta = named(
        "response.output_text.delta", item_id=item["id"], output_index=0, content_index=0, delta=text
    )
    return _events([item], [delta], tokens)


def _events(items: list[Item], deltas: list[bytes], tokens: Tokens) -> list[bytes]:
    response = {"id": f"resp_{uuid.uuid4().hex[:16]}", "object": "response", "output": items}
    usage = {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens.input + tokens.output,
    }
    added = [named("response.output_item.added", output_index=i, item=x) for i, x in enumerate(items)]
    done = [named("response.output_item.done", output_index=i, item=x) for i, x in enumerate(items)]
    return [
        named("response.created", response={**response, "status": "in_progress", "output": []}),
        *added,
        *deltas,
        *done,
        named("response.completed", response={**response, "status": "completed", "usage": usage}),
    ]
