"""Logging in and out."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dagu_web_server.credentials import hash_token
from dagu_web_server.guard import cookie_name
from dagu_web_server.pages import render
from dagu_web_server.parts import Parts, parts_of

_log = logging.getLogger("dagu.web")


async def form(request: Request) -> Response:
    """The form."""
    return _form(request, request.query_params.get("next", ""))


async def log_in(request: Request) -> Response:
    """Begin a session if the password, or a token, is right."""
    parts = parts_of(request)
    sent = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=10)
    given = {name: values[0] for name, values in sent.items()}
    there = given.get("next", "")
    caller = request.client.host if request.client else ""
    if wait := parts.throttle.wait(caller):
        return _form(request, there, error=f"Too many tries. Wait {wait:.0f} seconds.", status=429)
    user = await run_in_threadpool(_user, parts, given)
    if user is None:
        parts.throttle.failed(caller)
        _log.warning("a log-in failed from %s", caller)
        return _form(request, there, error="That is not right.", status=401)
    parts.throttle.succeeded(caller)
    response = RedirectResponse(parts.config.base_path + _inside(parts, there), status_code=303)
    response.set_cookie(
        cookie_name(request.url.scheme, parts.config.port),
        parts.sessions.begin(user),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


async def log_out(request: Request) -> Response:
    """End the session."""
    parts = parts_of(request)
    name = cookie_name(request.url.scheme, parts.config.port)
    parts.sessions.end(request.cookies.get(name, ""))
    response = RedirectResponse(f"{parts.config.base_path}/login", status_code=303)
    response.delete_cookie(name, httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return response


def _form(request: Request, there: str, *, error: str = "", status: int = 200) -> Response:
    by_password = parts_of(request).config.password is not None
    return render.page(request, "login.html", next=there, error=error, by_password=by_password, status=status)


def _user(parts: Parts, given: dict[str, str]) -> str | None:
    config = parts.config
    if token := given.get("token"):
        return config.tokens.get(hash_token(token.strip()))
    if config.password is None or not given.get("password"):
        return None
    # The password is tried whatever the name is, so that time does not tell names.
    right = config.password.matches(given["password"])
    return config.username if right and given.get("username") == config.username else None


def _inside(parts: Parts, there: str) -> str:
    """Where to go on: only ever a path of this server."""
    path = there.removeprefix(parts.config.base_path)
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if safe else "/"


def routes() -> list[Any]:
    """Paths and their pages."""
    return [
        Route("/login", form),
        Route("/login", log_in, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
    ]
