"""What pages are told while somebody looks at them (server-sent events)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dagu.contracts.service import Json
from dagu_web_server.pages import render
from dagu_web_server.pages.query import number
from dagu_web_server.pages.run_pages import chosen
from dagu_web_server.pages.run_view import run_values, timeline
from dagu_web_server.parts import parts_of
from dagu_web_server.streaming import Event, EventStream, Mapped

_RUN_PACE = 0.3
_AGENT_PACE = 0.3
_LIST_PACE = 1.0


async def changes(request: Request) -> Response:
    """That a list may have changed; it is for the page to read it again."""
    parts = parts_of(request)

    def to_events(_: None) -> Iterator[Event]:
        yield Event("changed", None)

    following = await run_in_threadpool(parts.context.follow_changes)
    return EventStream(parts.feeds, following, to_events, latest=True, pace=_LIST_PACE)


async def run(request: Request) -> Response:
    """The changing parts of a run's page, until the run ended."""
    parts = parts_of(request)
    wanted = chosen(request)

    def to_events(found: Json) -> Iterator[Event]:
        yield Event("html", render.text(parts, "run_parts.html", run_values(found, *wanted)))

    following = await run_in_threadpool(parts.context.follow_run, request.path_params["run_id"])
    return EventStream(parts.feeds, following, to_events, latest=True, pace=_RUN_PACE)


async def agent(request: Request) -> Response:
    """What an agent does after an event. The page ends it, with the run."""
    parts = parts_of(request)
    run_id, (step, attempt, _) = request.path_params["run_id"], chosen(request)
    after = number(request.query_params.get("after", ""), most=2**53)

    def read(_: Any) -> Sequence[Json]:
        nonlocal after
        found = parts.context.agent_events(run_id, step, attempt, after)
        after = found[-1]["id"] if found else after
        return found

    def to_events(found: Sequence[Json]) -> Iterator[Event]:
        if found:
            yield Event("html", render.text(parts, "agent_events.html", {"events": timeline(found)}))

    changed = await run_in_threadpool(parts.context.follow_changes)
    return EventStream(parts.feeds, Mapped(changed, read), to_events, pace=_AGENT_PACE)


def routes() -> list[Any]:
    """Paths and their events."""
    return [
        Route("/changes", changes),
        Route("/runs/{run_id}/live", run),
        Route("/runs/{run_id}/agent/live", agent),
    ]
