"""What single lines of event streams mean, beyond the recorded ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagu.contracts.provider import EventKind, HarnessEvent, HarnessProvider, Usage
from dagu_harness_providers.amp import AmpProvider
from dagu_harness_providers.claude import ClaudeProvider
from dagu_harness_providers.cline import ClineProvider
from dagu_harness_providers.codex import CodexProvider
from dagu_harness_providers.copilot import CopilotProvider
from dagu_harness_providers.cursor import CursorProvider
from dagu_harness_providers.deepseek import DeepseekProvider
from dagu_harness_providers.droid import DroidProvider
from dagu_harness_providers.gemini import GeminiProvider
from dagu_harness_providers.opencode import OpencodeProvider
from dagu_harness_providers.pi import PiProvider
from dagu_harness_providers.qwen import QwenProvider

STREAMS = Path(__file__).with_name("streams")
STREAMING: list[type[HarnessProvider]] = [
    AmpProvider,
    ClaudeProvider,
    ClineProvider,
    CodexProvider,
    CopilotProvider,
    CursorProvider,
    DeepseekProvider,
    DroidProvider,
    GeminiProvider,
    OpencodeProvider,
    PiProvider,
    QwenProvider,
]


def read(provider: HarnessProvider, *messages: dict[str, Any]) -> list[HarnessEvent]:
    return [event for message in messages for event in provider.read_events(json.dumps(message).encode())]


@pytest.mark.parametrize("kind", STREAMING)
def test_every_stream_tells_session_tools_and_end(kind: type[HarnessProvider]) -> None:
    name = kind.__name__.removesuffix("Provider").lower()
    lines = (STREAMS / f"{name}.jsonl").read_bytes().splitlines()
    events = [event for line in lines for event in kind().read_events(line)]
    kinds = [event.kind for event in events]
    calls = [event for event in events if event.kind is EventKind.TOOL_CALL]
    results = [event for event in events if event.kind is EventKind.TOOL_RESULT]
    assert len(calls) == len(results) == 1
    assert calls[0].call_id == results[0].call_id != ""
    assert calls[0].tool
    assert "hello.txt" in calls[0].text
    # The sandbox of DeepSeek's program refused where this was recorded.
    assert results[0].error is (kind is DeepseekProvider)
    assert any(event.session_id for event in events) or kind is ClineProvider
    assert kinds[-1] is EventKind.END
    assert EventKind.ERROR not in kinds


def _model(tokens: int) -> dict[str, Any]:
    return {"inputTokens": tokens, "cacheReadInputTokens": 10, "outputTokens": 1, "costUSD": tokens / 100}


def test_claude_resumed_session_counts_this_run_only() -> None:
    result = {
        "type": "result",
        "subtype": "success",
        "result": "ok",
        "result_index": 0,
        "usage": {"input_tokens": 90},
        "total_cost_usd": 4.0,
        "modelUsage": {"opus": _model(300), "haiku": _model(100)},
        "model_usage_since_last_result": {"opus": _model(200), "haiku": _model(50)},
    }
    usage, end = read(ClaudeProvider(), result)
    assert usage.usage == Usage(input=270, cached=20, output=2)
    assert usage.cost_usd == 2.5
    assert usage.total
    assert not usage.scope
    assert end.text == "ok"


def test_claude_later_result_is_the_whole_again() -> None:
    result = {
        "type": "result",
        "subtype": "success",
        "result": "ok",
        "result_index": 1,
        "modelUsage": {"opus": _model(300)},
        "model_usage_since_last_result": {"opus": _model(20)},
    }
    assert read(ClaudeProvider(), result)[0].usage == Usage(input=310, cached=10, output=1)


def test_claude_without_usage_by_model() -> None:
    usage = {
        "input_tokens": 1,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 4,
        "output_tokens": 8,
    }
    events = read(ClaudeProvider(), {"type": "result", "usage": usage, "total_cost_usd": 0.5})
    assert events[0].usage == Usage(input=7, cached=4, output=8)
    assert events[0].cost_usd == 0.5


def test_claude_usage_in_the_middle_is_per_message() -> None:
    message = {"id": "msg_1", "content": [], "usage": {"input_tokens": 5, "output_tokens": 1}}
    (event,) = read(ClaudeProvider(), {"type": "assistant", "message": message})
    assert (event.scope, event.total, event.usage) == ("msg_1", True, Usage(input=5, output=1))


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"subtype": "error_max_turns"}, "error_max_turns"),
        ({"subtype": "success", "is_error": True, "result": "Not logged in"}, "Not logged in"),
        ({"subtype": "error_during_execution", "errors": ["a", "b"]}, '["a", "b"]'),
    ],
)
def test_claude_failures(result: dict[str, Any], text: str) -> None:
    end = read(ClaudeProvider(), {"type": "result", **result})[-1]
    assert end.error
    assert end.text == text


def test_claude_structured_output_is_the_answer() -> None:
    end = read(ClaudeProvider(), {"type": "result", "result": "said", "structured_output": {"a": 1}})[-1]
    assert end.text == '{"a": 1}'


def test_claude_retry_is_told() -> None:
    retry = {"type": "system", "subtype": "api_retry", "error_status": 529, "error": "overloaded"}
    (event,) = read(ClaudeProvider(), retry)
    assert event.kind is EventKind.ERROR
    assert "529" in event.text


def test_codex_failures() -> None:
    events = read(
        CodexProvider(),
        {"type": "error", "message": "Reconnecting"},
        {"type": "item.completed", "item": {"id": "i", "type": "error", "message": "no metadata"}},
        {"type": "turn.failed", "error": {"message": "stream disconnected"}},
    )
    assert [event.kind for event in events] == [EventKind.ERROR, EventKind.ERROR, EventKind.END]
    assert events[-1].error
    assert events[-1].text == "stream disconnected"


def test_codex_items() -> None:
    started = {"id": "i1", "type": "mcp_tool_call", "server": "s", "tool": "t", "arguments": {"a": 1}}
    done = {**started, "status": "failed", "result": None, "error": {"message": "no such tool"}}
    change = {
        "id": "i2",
        "type": "file_change",
        "status": "completed",
        "changes": [{"path": "a", "kind": "add"}],
    }
    call, result, changed = read(
        CodexProvider(),
        {"type": "item.started", "item": started},
        {"type": "item.completed", "item": done},
        {"type": "item.completed", "item": change},
    )
    assert (call.tool, call.text) == ("t", '{"a": 1}')
    assert result.error
    assert result.text == "no such tool"
    assert changed.text == "add a"


def test_gemini_pieces_and_failure() -> None:
    piece = {"type": "message", "role": "assistant", "content": "a", "delta": True}
    failed = {"type": "result", "status": "error", "error": {"type": "e", "message": "quota"}}
    text, end = read(GeminiProvider(), piece, failed)
    assert text.partial
    assert end.error
    assert end.text == "quota"


def test_pi_failure_is_told_though_it_exits_with_0() -> None:
    last = {"role": "assistant", "content": [], "stopReason": "error", "errorMessage": "400 bad"}
    (end,) = read(PiProvider(), {"type": "agent_end", "messages": [last]})
    assert end.error
    assert end.text == "400 bad"


def test_opencode_counts_reasoning_and_cache() -> None:
    tokens = {"input": 1, "output": 2, "reasoning": 4, "cache": {"read": 8, "write": 16}}
    part = {"tokens": tokens, "cost": 0.5, "reason": "tool-calls"}
    (event,) = read(OpencodeProvider(), {"type": "step_finish", "part": part})
    assert event.usage == Usage(input=25, cached=8, output=6)
    assert event.cost_usd == 0.5
    assert not event.total


def test_opencode_error() -> None:
    error = {"name": "APIError", "data": {"message": "bad key"}}
    (event,) = read(OpencodeProvider(), {"type": "error", "error": error})
    assert (event.kind, event.text) == (EventKind.ERROR, "bad key")


def test_cline_failure() -> None:
    end = read(ClineProvider(), {"type": "run_result", "finishReason": "error", "text": "bad"})[-1]
    assert end.error
    assert end.text == "bad"


def test_copilot_failure() -> None:
    error = {"type": "session.error", "data": {"message": "no quota"}}
    told, end = read(CopilotProvider(), error, {"type": "result", "exitCode": 1, "sessionId": "s"})
    assert told.text == "no quota"
    assert end.error


def test_deepseek_failure() -> None:
    reason = {"kind": "error", "error": {"message": "bad key", "code": "X"}}
    (event,) = read(DeepseekProvider(), {"type": "status", "phase": "turn_end", "reason": reason})
    assert (event.kind, event.text) == (EventKind.ERROR, "bad key")


def test_cursor_failed_tool() -> None:
    call = {"shellToolCall": {"args": {}, "result": {"failure": {"exitCode": 1}}}}
    message = {"type": "tool_call", "subtype": "completed", "call_id": "c", "tool_call": call}
    (event,) = read(CursorProvider(), message)
    assert event.error
