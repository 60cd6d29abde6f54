"""The door: which host is meant, where a request comes from, who is asking. Nothing behind it is reached otherwise."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dagu_web_server.config import LOOPBACK_NAMES, Config
from dagu_web_server.credentials import hash_token
from dagu_web_server.problems import Problem
from dagu_web_server.sessions import Sessions

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEALTH = frozenset({"/healthz", "/readyz"})
_OPEN = _HEALTH | {"/login"}
_PROGRAMS = ("/api/", "/metrics")


def cookie_name(scheme: str, port: int) -> str:
    """The name of the session's cookie. With TLS, one that no other host and no plain connection can set.

    Servers on other ports of a machine share its cookies.
    """
    return f"__Host-dagu-{port}" if scheme == "https" else f"dagu-{port}"


class Guard:
    """Refuses what may not come in, and notes who comes in: ``request.state.user``, empty where none is needed."""

    def __init__(self, app: ASGIApp, config: Config, sessions: Sessions) -> None:
        self._app = app
        self._config = config
        self._sessions = sessions
        self._checks_host = config.loopback or bool(config.allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        connection = HTTPConnection(scope)
        path = scope["path"].removeprefix(self._config.base_path)
        try:
            if path not in _HEALTH:
                self._check_host(connection)
            user, by_token = self._who(connection)
            if scope["method"] not in _SAFE and not by_token:
                _check_origin(connection)
            if user is None and not (path in _OPEN or path.startswith("/static/")):
                if scope["method"] in _SAFE and not path.startswith(_PROGRAMS):
                    await self._to_login(connection)(scope, receive, send)
                    return
                raise Problem(401, "this needs a password or a token", headers={"WWW-Authenticate": "Bearer"})
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        scope.setdefault("state", {})["user"] = user or ""
        await self._app(scope, receive, send)

    def _check_host(self, connection: HTTPConnection) -> None:
        # A page of a foreign name that resolves to this address would be of the same origin (DNS rebinding).
        name = _host_name(connection.headers.get("host", ""))
        if self._checks_host and not (name in self._config.allowed_hosts or self._is_ours(name)):
            raise Problem(
                421,
                f"the host {name!r} is not served here",
                hint="DAGU_ALLOWED_HOSTS names the hosts that a proxy asks for",
            )

    def _is_ours(self, name: str) -> bool:
        if name in LOOPBACK_NAMES or name == self._config.host.lower():
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def _who(self, connection: HTTPConnection) -> tuple[str | None, bool]:
        """The user, None for a stranger; and whether a token said so, which no foreign page can send."""
        if not self._config.protected:
            return "", False
        kind, _, token = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and (name := self._config.tokens.get(hash_token(token.strip()))):
            return name, True
        cookie = connection.cookies.get(cookie_name(connection.url.scheme, self._config.port), "")
        return self._sessions.user(cookie), False

    def _to_login(self, connection: HTTPConnection) -> RedirectResponse:
        path, query = connection.url.path, connection.url.query
        there = quote(f"{path}?{query}" if query else path, safe="")
        return RedirectResponse(f"{self._config.base_path}/login?next={there}", status_code=303)


def _check_origin(connection: HTTPConnection) -> None:
    # Browsers say where a request comes from, programs say nothing. See "Cross-Site Request Forgery Prevention" of
    # OWASP, "Fetch Metadata headers" and "Verifying Origin".
    site = connection.headers.get("sec-fetch-site")
    origin = connection.headers.get("origin")
    if site in ("same-origin", "none"):
        return
    if site is None and origin is None:
        return
    if (
        site is None
        and origin
        and urlsplit(origin).netloc.lower() == connection.headers.get("host", "").lower()
    ):
        return
    raise Problem(403, "the request comes from another site")


def _host_name(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower().rstrip(".")
