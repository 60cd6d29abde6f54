"""The SDK's low-level client, over our own connections, and raw streams beside it."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import requests
import urllib3
from docker import APIClient
from docker.errors import DockerException
from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnectionPool
from docker.utils import version_gte, version_lt
from urllib3.connection import HTTPConnection

from dagu_docker_runtime.dial import Dialer
from dagu_docker_runtime.endpoint import Endpoint
from dagu_docker_runtime.errors import Refused, refuse_response, translate

NEWEST_API = "1.47"
"""The newest API that this runtime was written for. A newer engine is asked to speak it."""
CALL_TIMEOUT = 300
"""Seconds that the engine may take for an ordinary call. Waits, pulls and streams have no limit."""
_POOL = 256


T = TypeVar("T")


class Client:
    """The engine as its HTTP API, from many threads at once. Connects at the first call."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._dialer = Dialer(endpoint)
        self._adapter = _Adapter(endpoint, self._dialer)
        self._api: APIClient | None = None

    @contextlib.contextmanager
    def call(self, doing: str) -> Iterator[APIClient]:
        """Give the SDK's client for one call, and turn what goes wrong into dagu's errors.

        Args:
            doing: What is tried, to follow "cannot" in a message: ``start container x``.

        Raises:
            Refused: The engine answered with an error; carries its status and words.
            EngineLost: It went away before it answered.
        """
        try:
            yield self._connected()
        except (DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise translate(error, doing, self.endpoint) from error

    def each(self, doing: str, items: Iterable[T]) -> Iterator[T]:
        """Iterate over what a call of the SDK yields; only its own errors are turned into dagu's."""
        iterator = iter(items)
        while True:
            with self.call(doing):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def open_stream(
        self,
        doing: str,
        method: str,
        path: str,
        query: Mapping[str, str],
        *,
        body: Any = None,
        upgrade: bool = False,
    ) -> RawStream:
        """Send a request on a connection of its own and return what follows the answer's head.

        The SDK reads such streams past its own buffer, which can lose their first bytes, and can't half-close
        them.

        Args:
            upgrade: Ask for a connection that goes both ways.

        Raises:
            Refused: The engine answered with an error.
            EngineLost: It went away before it answered.
        """
        version = self._connected_for(doing).api_version
        connection = self._dialer.dial()
        try:
            target = f"{self.endpoint.path}/v{version}{quote(path)}?{urlencode(query)}"
            return _request_stream(connection, method, target, body, upgrade=upgrade)
        except Refused as error:
            connection.close()
            raise error.during(doing) from None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise translate(error, doing, self.endpoint) from error
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Give the pooled connections back."""
        if self._api is not None:
            self._api.close()
        self._adapter.close()

    def _connected_for(self, doing: str) -> APIClient:
        with self.call(doing) as api:
            return api

    def _connected(self) -> APIClient:
        # Two threads may both do this at first; they come to the same and one is thrown away.
        if self._api is None:
            version = self.endpoint.api_version or self._negotiate()
            self._api = self._make(version)
        return self._api

    def _negotiate(self) -> str:
        told = self._make(NEWEST_API).version(api_version=False)
        newest, oldest = str(told["ApiVersion"]), str(told.get("MinAPIVersion") or "1.24")
        if version_lt(newest, NEWEST_API):
            return newest
        return oldest if version_gte(oldest, NEWEST_API) else NEWEST_API

    def _make(self, version: str) -> APIClient:
        # The address only makes the SDK choose plain HTTP over an adapter, which is then replaced by ours.
        api = APIClient(base_url="unix:///engine", version=version, timeout=CALL_TIMEOUT)
        api.trust_env = False
        api.mount("http+docker://", self._adapter)
        return api


class RawStream:
    """A connection that the engine turned into a stream of bytes, in both directions where it was upgraded."""

    def __init__(self, connection: socket.socket, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        # A descriptor's number is given out anew once it is closed: nobody may be using it then.
        self._writing = threading.Lock()
        self._cutting = threading.Lock()
        upgraded = response.status == http.client.SWITCHING_PROTOCOLS
        # On an upgraded connection the bytes are the buffered file's, which may already hold the first ones.
        self._read1 = response.fp.read1 if upgraded else response.read1

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes, as soon as there are any; empty at the end."""
        return self._read1(size)

    def set_timeout(self, seconds: float) -> None:
        """From now on, a read that brings nothing for that long raises TimeoutError, and is the last one."""
        self._connection.settimeout(seconds)

    def write(self, block: bytes) -> None:
        """Send the whole block.

        Raises:
            OSError: Nobody reads it any more.
        """
        with self._writing:
            self._connection.sendall(block)

    def end_writing(self) -> None:
        """Tell the other side that nothing more is written. Reading goes on."""
        with self._writing, contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """End it from any thread: a blocked ``read`` or ``write`` returns."""
        with self._cutting, contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Free the connection, from the thread that reads."""
        self.cut()
        with self._writing, self._cutting:
            self._response.close()
            self._connection.close()


def _request_stream(
    connection: socket.socket, method: str, target: str, body: Any, *, upgrade: bool
) -> RawStream:
    client = http.client.HTTPConnection("docker")
    client.sock = connection
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if upgrade:
        headers |= {"Connection": "Upgrade", "Upgrade": "tcp"}
    client.request(method, target, body=json.dumps(body) if body is not None else None, headers=headers)
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    if response.status >= http.client.BAD_REQUEST:
        raise refuse_response(response.status, response.read())
    return RawStream(connection, response)


class _Connection(HTTPConnection):
    def __init__(self, dialer: Dialer) -> None:
        super().__init__("docker")
        self._dialer = dialer

    def connect(self) -> None:
        self.sock = self._dialer.dial()


class _Pool(UnixHTTPConnectionPool):
    def __init__(self, dialer: Dialer) -> None:
        super().__init__("http+docker://engine", "/engine", maxsize=_POOL)
        self._dialer = dialer

    def _new_conn(self) -> HTTPConnection:
        return _Connection(self._dialer)


class _Adapter(UnixHTTPAdapter):
    """The SDK's adapter for plain HTTP over something, with our something in it."""

    def __init__(self, endpoint: Endpoint, dialer: Dialer) -> None:
        super().__init__("http+unix:///engine", timeout=CALL_TIMEOUT, max_pool_size=_POOL)
        self._prefix = endpoint.path
        self._pool = _Pool(dialer)

    def get_connection(self, url: Any, proxies: Any = None) -> _Pool:  # noqa: ARG002
        return self._pool

    def request_url(self, request: Any, proxies: Any) -> str:  # noqa: ARG002
        return self._prefix + str(request.path_url)

    def close(self) -> None:
        super().close()
        self._pool.close()
