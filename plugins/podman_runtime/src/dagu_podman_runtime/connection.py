"""One Podman service, reached through the package's own client, and by sockets of our own where that can't do it."""

from __future__ import annotations

import contextlib
import json as json_module
import socket
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from podman.api.client import APIClient, APIResponse
from podman.errors import APIError
from urllib3.exceptions import HTTPError

from dagu.contracts.container import EMPTY
from dagu.contracts.streams import BLOCK
from dagu.errors import EngineUnreachable, RequestRefused, RuntimeFailure
from dagu_podman_runtime import endpoint as endpoints
from dagu_podman_runtime import wire
from dagu_podman_runtime.errors import refusal, transport

# The oldest libpod API that every supported service speaks. A newer one answers it as it was then.
API_VERSION = "4.0.0"
_CONNECT = 10.0
_ANSWER = 300.0  # it is slow while it copies an image's files into a volume, say
PROMPT = (_CONNECT, _ANSWER)
"""Seconds to connect and to wait for an answer, for calls that the service answers at once."""
PATIENT = (_CONNECT, None)
"""For streams, and for calls that take as long as they take."""

Timeout = tuple[float, float] | tuple[float, None]


def path_name(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


class Connection:
    """Reaches the service at the first call. Thread-safe."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._open = contextlib.ExitStack()
        self._client: APIClient | None = None
        self._endpoint = endpoints.Endpoint(source="")
        self._url = ""

    @property
    def url(self) -> str:
        """The endpoint as a user writes it."""
        return self._endpoint.url or self._url

    @property
    def source(self) -> str:
        """What chose the endpoint."""
        return self._endpoint.source

    @property
    def socket_path(self) -> str:
        """Path of the service's own socket; empty for one that is reached by TCP or ssh."""
        remote = self._endpoint.url.startswith(("ssh://", "tcp://"))
        return "" if remote else self._url.removeprefix("unix://")

    def call(
        self,
        method: str,
        path: str,
        *,
        subject: str = "",
        params: Mapping[str, Any] = EMPTY,
        json: Any = None,
        data: Any = None,
        headers: Mapping[str, str] = EMPTY,
        timeout: Timeout = PROMPT,
        stream: bool = False,
    ) -> APIResponse:
        """Make one call of the libpod API.

        Args:
            subject: The name of what the call is about, for messages.
            timeout: ``PROMPT`` or ``PATIENT``.

        Raises:
            RuntimeFailure: The service refused, or gave no answer.
        """
        client = self._connected()
        sent = dict(headers)
        if json is not None:
            data = json_module.dumps(json)
            sent["Content-Type"] = "application/json"
        given: dict[str, Any] = {} if data is None else {"data": data}
        try:
            answer: APIResponse = getattr(client, method.lower())(
                path,
                params={name: _text(value) for name, value in params.items()},
                headers=sent,
                timeout=timeout,
                stream=stream,
                **given,
            )
        except (APIError, OSError) as error:
            raise transport(error, self.url) from error
        if answer.status_code >= 400:
            try:
                cause, message = wire.told(answer.text)
            except OSError as error:
                raise transport(error, self.url) from error
            raise refusal(answer.status_code, cause, message, subject)
        return answer

    def hello(self) -> APIResponse:
        """What the service tells of itself.

        Raises:
            EngineUnreachable: Something answers that is no Podman.
        """
        try:
            return self.call("GET", "/info")
        except RequestRefused as error:
            raise EngineUnreachable(
                f"what answers at {self.url} (from {self.source}) is not Podman: {error.message}",
                hint="name Podman's own socket with DAGU_PODMAN_HOST; for Docker, set DAGU_CONTAINER_RUNTIME=docker",
            ) from error

    def read(self, answer: APIResponse) -> bytes:
        """The next bytes of a streamed answer, as they come; empty at its end.

        Raises:
            EngineLost: The connection ended before.
        """
        try:
            return bytes(answer.raw.read1(BLOCK, decode_content=True))
        except (HTTPError, OSError) as error:
            raise transport(error, self.url) from error

    def dial(self) -> socket.socket:
        """A connection of its own, without a timeout.

        Raises:
            RuntimeFailure: Nothing answers.
        """
        self._connected()
        try:
            if self._url.startswith("unix://"):
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    connection.connect(self._url.removeprefix("unix://"))
                except OSError:
                    connection.close()
                    raise
                return connection
            parts = urlsplit(self._url)
            connection = socket.create_connection((parts.hostname, parts.port), timeout=_CONNECT)
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError as error:
            raise transport(error, self.url) from error

    def upgrade(
        self, path: str, *, subject: str, params: Mapping[str, str] | None = None, body: Any = None
    ) -> tuple[socket.socket, bytes]:
        """Turn a POST into a raw stream.

        Returns:
            The socket, and what already came.

        Raises:
            RuntimeFailure: The service refused, or gave no answer.
        """
        connection = self.dial()
        try:
            wire.send(connection, "POST", self.path(path), params=params, body=body, upgrade=True)
            answer = wire.receive(connection)
            wire.check(connection, answer, subject)
        except OSError as error:
            connection.close()
            raise transport(error, self.url) from error
        except RuntimeFailure:
            connection.close()
            raise
        return connection, answer.rest

    def path(self, path: str) -> str:
        """The whole path of a call, for a socket of one's own."""
        return f"/v{API_VERSION}/libpod{path}"

    def close(self) -> None:
        """Let go of every connection, and end a private service."""
        with self._lock:
            client, self._client = self._client, None
            if client is not None:
                client.close()
            self._open.close()

    def _connected(self) -> APIClient:
        with self._lock:
            if self._client is None:
                self._endpoint = endpoints.choose(self._environ)
                self._url = self._reach(self._endpoint)
                self._client = APIClient(base_url=self._url, version=API_VERSION, max_pool_size=64)
                # Proxies of the environment are for the internet, not for an engine.
                self._client.trust_env = False
            return self._client

    def _reach(self, endpoint: endpoints.Endpoint) -> str:
        if endpoint.program:
            from dagu_podman_runtime.service import PrivateService

            return self._open.enter_context(PrivateService(endpoint.program, self._environ)).url
        if endpoint.url.startswith("ssh://"):
            from dagu_podman_runtime.tunnel import Tunnel

            return self._open.enter_context(Tunnel(endpoint.url, endpoint.ssh_key, self._environ)).url
        return endpoint.url


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json_module.dumps(value)
    return str(value)
