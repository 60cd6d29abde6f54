"""What attempts printed, and what agents did in them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from dagu_web_server.api import models
from dagu_web_server.api.runs import EVENTS, TheParts, TheRun
from dagu_web_server.parts import Parts
from dagu_web_server.ranged import file_response
from dagu_web_server.streaming import Event, EventStream, Mapped

router = APIRouter(tags=["outputs"])
MOST_LINES = 1000
_PACE = 0.1
_NUMBER = 2**53


class Output:
    """Which output is meant."""

    def __init__(
        self,
        run_id: TheRun,
        step: Annotated[str, Query(min_length=1, max_length=255)],
        attempt: Annotated[int, Query(ge=1, le=10**6)] = 1,
        stream: models.Stream = "stdout",
    ) -> None:
        self.run_id, self.step, self.attempt, self.stream = run_id, step, attempt, stream

    def path(self, parts: Parts) -> str:
        """Its file."""
        return parts.context.log_path(self.run_id, self.step, self.attempt, self.stream)


TheOutput = Annotated[Output, Depends(Output)]


@router.get(
    "/runs/{run_id}/log",
    operation_id="readLog",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        206: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "The range of `Range`.",
        },
    },
)
def read_log(
    parts: TheParts, output: TheOutput, wanted: Annotated[str, Header(alias="range")] = ""
) -> StreamingResponse:
    """An output as it is now, whole or a range of its bytes."""
    return file_response(output.path(parts), wanted, name=f"{output.run_id}.{output.stream}.txt")


@router.get("/runs/{run_id}/log/lines", operation_id="readLogLines")
def read_lines(
    parts: TheParts,
    output: TheOutput,
    start: Annotated[int, Query(ge=-_NUMBER, le=_NUMBER, description="Negative: from the end.")] = 0,
    count: Annotated[int, Query(ge=0, le=MOST_LINES)] = 200,
) -> models.LogLines:
    """Some lines of an output."""
    return models.LogLines(**asdict(parts.logs.of(output.path(parts)).lines(start, count)))


@router.get("/runs/{run_id}/log/search", operation_id="searchLog")
def search_log(
    parts: TheParts,
    output: TheOutput,
    text: Annotated[str, Query(min_length=1, max_length=255)],
    start: Annotated[int, Query(ge=0, le=_NUMBER)] = 0,
) -> models.LogMatches:
    """Numbers of the lines that hold a text; letters match in either case."""
    lines, more = parts.logs.of(output.path(parts)).search(text, start=start)
    return models.LogMatches(lines=lines, more=more)


@router.get(
    "/runs/{run_id}/log/events",
    operation_id="followLog",
    responses=EVENTS,
    status_code=200,
    response_class=EventStream,
)
async def follow_log(
    parts: TheParts,
    output: TheOutput,
    offset: Annotated[int, Query(ge=0, le=_NUMBER, description="Byte to begin at.")] = 0,
    content: Annotated[bool, Query(description="Without it, only how much there is (`size`).")] = True,
    last_event_id: Annotated[str, Header(description="Where to go on, instead of `offset`.")] = "",
) -> EventStream:
    """An output as it grows (server-sent events), until its run ended (`end`).

    `text` events hold `text` and `offset`, of the byte behind it; `size` events hold `total` lines and `size` in bytes.
    """
    if last_event_id.isdecimal():
        offset = min(int(last_event_id), _NUMBER)
    index = await run_in_threadpool(lambda: parts.logs.of(output.path(parts)))
    if not content:
        offset = (await run_in_threadpool(index.measure))[1]
    following = await run_in_threadpool(
        parts.context.follow_log, output.run_id, output.step, output.attempt, output.stream, offset
    )
    if content:
        return EventStream(parts.feeds, following, _TextEvents(offset).of)
    sizes = Mapped(following, lambda _: None)

    def to_events(_: None) -> Iterator[Event]:
        lines, size = index.measure()
        yield Event("size", {"total": lines, "size": size})

    return EventStream(parts.feeds, sizes, to_events, latest=True, pace=_PACE)


@router.get(
    "/runs/{run_id}/agent-events",
    operation_id="listAgentEvents",
    response_model=list[models.AgentEvent],
    tags=["agents"],
)
def list_agent_events(
    parts: TheParts,
    run_id: TheRun,
    step: Annotated[str, Query(max_length=255)] = "",
    attempt: Annotated[int, Query(ge=0, le=10**6, description="0: all.")] = 0,
    after: Annotated[int, Query(ge=0, le=_NUMBER, description="Only events with a higher id.")] = 0,
) -> Any:
    """What agents did, in order."""
    found = parts.context.agent_events(run_id, step, attempt, after)
    return [{**event, "payload": payload(event["payload"])} for event in found]


def payload(value: Any) -> dict[str, Any]:
    """An event's payload, which is kept as text."""
    read = json.loads(value) if isinstance(value, str) else value
    return dict(read)


class _TextEvents:
    """Turns blocks of bytes into texts; a character that a block cuts waits for its rest."""

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def of(self, block: bytes) -> Iterator[Event]:
        self._offset += len(block)
        text = self._decoder.decode(block)
        waiting = len(self._decoder.getstate()[0])
        if text:
            offset = self._offset - waiting
            yield Event("text", {"offset": offset, "text": text}, id=str(offset))
