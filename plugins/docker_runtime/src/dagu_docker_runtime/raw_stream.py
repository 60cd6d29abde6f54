"""A request whose answer is a stream of bytes, on a connection of its own.

The SDK reads such streams past its own buffer, which can lose their first bytes, and can't half-close them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from typing import Any

from dagu_docker_runtime.errors import refuse_response


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


def request_stream(
    connection: socket.socket, method: str, target: str, body: Any, *, upgrade: bool
) -> RawStream:
    """Send a request and read the head of its answer. The connection stays the caller's if that fails.

    Raises:
        Refused: The engine answered with an error.
        OSError: It did not answer; or ``http.client.HTTPException``.
    """
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
