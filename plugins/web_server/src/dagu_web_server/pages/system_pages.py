"""The pages about the installation, and about what was spent."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from dagu_web_server.pages import render
from dagu_web_server.pages.query import one_of
from dagu_web_server.pages.run_pages import SPANS
from dagu_web_server.parts import parts_of


def system(request: Request) -> HTMLResponse:
    """Scheduler and plugins at once; runtimes are asked by the page, since an engine may be slow to answer."""
    context = parts_of(request).context
    return render.page(
        request,
        "system.html",
        plugins=context.plugins(),
        scheduler=context.scheduler(),
        workers=context.workers(),
        started_at=parts_of(request).started_at,
        now=time.time(),
    )


def runtimes(request: Request) -> HTMLResponse:
    """The runtimes, as a part of the page."""
    return render.page(request, "runtimes.html", runtimes=parts_of(request).context.runtimes())


def usage(request: Request) -> HTMLResponse:
    """What agents spent."""
    last = one_of(request.query_params.get("last", ""), SPANS)
    since = time.time() - SPANS[last] if last else None
    entries = parts_of(request).context.usage(since)
    costs = [entry["cost_usd"] for entry in entries if entry["cost_usd"] is not None]
    return render.page(
        request,
        "usage.html",
        entries=sorted(entries, key=lambda entry: -(entry["cost_usd"] or 0)),
        total=sum(costs) if costs else None,
        last=last,
        spans=SPANS,
    )


def routes() -> list[Any]:
    """Paths and their pages."""
    return [Route("/system", system), Route("/system/runtimes", runtimes), Route("/usage", usage)]
