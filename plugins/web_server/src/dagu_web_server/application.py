"""The whole as one ASGI application."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from dagu.contracts.service import RunFilter
from dagu.errors import DaguError
from dagu_web_server.api.application import make_api
from dagu_web_server.guard import Guard
from dagu_web_server.metrics import Counting, Metrics
from dagu_web_server.middleware import BodyLimit, SecurityHeaders
from dagu_web_server.pages import assets, live, login, render, run_pages, system_pages, workflow_pages
from dagu_web_server.parts import Parts
from dagu_web_server.problems import Problem

_log = logging.getLogger("dagu.web")


def make_application(parts: Parts) -> ASGIApp:
    """The application; everything that it serves is behind its guard."""
    config = parts.config
    metrics = Metrics(parts)

    def metrics_page(request: Request) -> Response:
        text, content_type = metrics.render(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})

    def ready(_: Request) -> Response:
        try:
            parts.context.count(RunFilter())
        except DaguError as error:
            _log.error("not ready: %s", error)
            return PlainTextResponse("history can't be read\n", status_code=503)
        return PlainTextResponse("ready\n")

    routes: list[Any] = [
        Route("/healthz", _healthy),
        Route("/readyz", ready),
        Route("/metrics", metrics_page),
        Mount("/api/v1", make_api(parts)),
        Mount(f"/static/{assets.version()}", assets.Assets()),
        *login.routes(),
        *workflow_pages.routes(),
        *run_pages.routes(),
        *live.routes(),
        *system_pages.routes(),
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        parts.feeds.close()

    application = Starlette(
        routes=[Mount(config.base_path, routes=routes)] if config.base_path else routes,
        middleware=[
            Middleware(Counting, metrics=metrics),
            Middleware(BodyLimit),
            Middleware(Guard, config=config, sessions=parts.sessions),
        ],
        exception_handlers={
            Problem: _problem,
            DaguError: _core_error,
            HTTPException: _http_error,
            Exception: _bug,
        },
        lifespan=lifespan,
    )
    application.state.parts = parts
    # Around all of it: Starlette answers for a bug outside of its middleware.
    return SecurityHeaders(application, tls=bool(config.tls_cert))


def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _shown(request: Request, problem: Problem) -> Response:
    if request.url.path.removeprefix(request.app.state.parts.config.base_path).startswith("/api/"):
        return problem.response()
    response: Response = render.page(request, "error.html", problem=problem, status=problem.status)
    response.headers.update(problem.headers)
    return response


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _shown(request, error)


async def _core_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DaguError)
    return _shown(request, Problem.of(error))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return _shown(request, Problem(404, "there is no such page"))
    return _shown(request, Problem(error.status_code, str(error.detail), headers=error.headers))


async def _bug(request: Request, error: Exception) -> Response:
    del error  # the server logs it
    problem = Problem(500, "a bug in dagu", hint="the server's log says more; please report it")
    return _shown(request, problem)
