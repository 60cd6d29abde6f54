"""The pages of runs."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from dagu.contracts.service import RunFilter
from dagu_web_server.pages import render
from dagu_web_server.pages.query import number, one_of
from dagu_web_server.pages.run_view import STREAMS, run_values, timeline
from dagu_web_server.parts import parts_of
from dagu_web_server.states import STATES

ON_PAGE = 100
SPANS = {"1h": 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400}


def runs(request: Request) -> HTMLResponse:
    """Runs, by filters."""
    query = request.query_params
    filters = {
        "workflow": query.get("workflow", ""),
        "status": one_of(query.get("status", ""), STATES),
        "run_id": query.get("run_id", ""),
        "label": query.get("label", ""),
        "last": one_of(query.get("last", ""), SPANS),
    }
    context = parts_of(request).context
    offset = number(query.get("offset", ""), most=10**9)
    wanted = RunFilter(
        workflow=filters["workflow"],
        run_id_part=filters["run_id"],
        status=(filters["status"],) if filters["status"] else (),
        label=filters["label"],
        since=time.time() - SPANS[filters["last"]] if filters["last"] else None,
        limit=ON_PAGE,
        offset=offset,
    )
    return render.page(
        request,
        "runs.html",
        runs=context.runs(wanted),
        total=context.count(wanted),
        offset=offset,
        on_page=ON_PAGE,
        chosen=filters,
        spans=SPANS,
        now=time.time(),
    )


def run(request: Request) -> HTMLResponse:
    """A run."""
    found = parts_of(request).context.run(request.path_params["run_id"])
    return render.page(request, "run.html", **run_values(found, *chosen(request)))


def agent(request: Request) -> HTMLResponse:
    """What an agent did after an event, as list items."""
    query = request.query_params
    events = parts_of(request).context.agent_events(
        request.path_params["run_id"],
        query.get("step", ""),
        number(query.get("attempt", ""), most=10**6),
        number(query.get("after", ""), most=2**53),
    )
    return render.page(request, "agent_events.html", events=timeline(events))


def chosen(request: Request) -> tuple[str, int, str]:
    """The step, the attempt and the stream that a query names."""
    query = request.query_params
    attempt = number(query.get("attempt", ""), most=10**6)
    return query.get("step", ""), attempt, one_of(query.get("stream", ""), STREAMS)


def routes() -> list[Any]:
    """Paths and their pages."""
    return [
        Route("/runs", runs),
        Route("/runs/{run_id}", run),
        Route("/runs/{run_id}/agent", agent),
    ]
