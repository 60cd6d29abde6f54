"""HTTP over an engine's unix socket, as far as this tool needs it."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote, urlencode

from engines import EngineError

Query = dict[str, str] | list[tuple[str, str]]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Response:
    """An answer, held whole."""

    status: int
    headers: dict[str, str]
    data: bytes

    def json(self) -> Any:
        return json.loads(self.data)


class Api:
    """The HTTP API behind one ``unix://`` endpoint; no state, one connection a call.

    Args:
        endpoint: ``unix:///path``.
    """

    def __init__(self, endpoint: str) -> None:
        scheme, _, path = endpoint.partition("://")
        if scheme != "unix":
            raise EngineError(f"{endpoint}: only unix:// endpoints are handled here")
        self.endpoint = endpoint
        self._path = path

    def request(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        body: IO[bytes] | Iterable[bytes] | bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60.0,
    ) -> Response:
        """Send one request and read the whole answer.

        Args:
            timeout: Seconds of silence on the socket, not of the whole call.

        Raises:
            OSError: The socket is absent, refuses, or stays silent.
            http.client.HTTPException: The daemon went away in mid-answer.
        """
        target = quote(path, safe="/:@") + (f"?{urlencode(query)}" if query else "")
        connection = _UnixConnection(self._path, timeout)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def call(self, method: str, path: str, query: Query | None = None, **rest: Any) -> Any:
        """As ``request``, for an answer in JSON; None for an empty one.

        Raises:
            EngineError: A status of 400 or more, with the engine's own message.
        """
        response = self.request(method, path, query, **rest)
        if response.status >= 400:
            text = response.data.decode(errors="replace").strip()
            raise EngineError(f"{method} {path} at {self.endpoint}: {response.status} {text}")
        return response.json() if response.data.strip() else None

    def ping(self, timeout: float = 30.0) -> Response | None:
        """The answer to ``/_ping``; None where nobody listens.

        Raises:
            EngineError: The socket is closed to this user, or somebody listens and says nothing.
        """
        try:
            response = self.request("GET", "/_ping", timeout=timeout)
        except PermissionError:
            raise EngineError(
                f"no permission on {self._path}: use sudo, or join the group that owns it"
            ) from None
        except TimeoutError:
            raise EngineError(
                f"{self._path} accepts connections and does not answer: look after its daemon"
            ) from None
        except (OSError, http.client.HTTPException):
            return None
        return response if response.status == 200 else None

    def version(self) -> str:
        """The engine's version, such as ``20.10.24``."""
        return str(self.call("GET", "/version")["Version"])
