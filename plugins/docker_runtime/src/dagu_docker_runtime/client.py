"""The SDK's low-level client, over our own connections, and raw streams beside it."""

from __future__ import annotations

import contextlib
import http.client
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
from dagu_docker_runtime.errors import Refused, translate
from dagu_docker_runtime.raw_stream import RawStream, request_stream

NEWEST_API = "1.47"
"""The newest API that this runtime was written for. A newer engine is asked to speak it."""
CALL_TIMEOUT = 300
"""Seconds that the engine may take for an ordinary call. Waits, pulls and streams have no limit."""
_POOL = 256


T = TypeVar("T")
_FAILURES = (
    DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
)


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
        except _FAILURES as error:
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
            return request_stream(connection, method, target, body, upgrade=upgrade)
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
