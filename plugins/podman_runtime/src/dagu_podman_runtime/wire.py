"""HTTP over a socket of our own, for what the client can't do: streams both ways, and calls that can be let go of.

An answer of status 101 or 200 to an upgrade is followed by raw bytes, in and out; closing one direction leaves the
other open. Source: "Attach to a container" and "Start an exec instance" of Podman's libpod API.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from dagu_podman_runtime.errors import refusal

_HEAD_LIMIT = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """The head of an answer, and what of its body came along."""

    status: int
    headers: Mapping[str, str]
    rest: bytes


def send(
    connection: socket.socket,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    body: Any = None,
    upgrade: bool = False,
) -> None:
    """Send a request. With ``upgrade`` the connection turns into a raw stream, else it ends after the answer."""
    query = f"?{urlencode(params)}" if params else ""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [
        f"{method} {path}{query} HTTP/1.1",
        "Host: podman",
        "Connection: Upgrade\r\nUpgrade: tcp" if upgrade else "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + content)


def receive(connection: socket.socket) -> Answer:
    """Read the head of the answer.

    Raises:
        ConnectionResetError: The connection ended before.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block or len(data) > _HEAD_LIMIT:
            raise ConnectionResetError("no answer")
        data += block
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Answer(int(first.split()[1]), headers, rest)


def body(connection: socket.socket, answer: Answer) -> bytes:
    """Read the rest of an answer that is no stream.

    Raises:
        ConnectionResetError: The connection ended before.
    """
    data = answer.rest
    chunked = answer.headers.get("transfer-encoding", "").lower() == "chunked"
    length = answer.headers.get("content-length")
    while not _complete(data, chunked, length):
        block = connection.recv(65536)
        if not block:
            if chunked or length is not None:
                raise ConnectionResetError("half an answer")
            break
        data += block
    return _unchunk(data) if chunked else data


def check(connection: socket.socket, answer: Answer, subject: str) -> None:
    """Raise what an answer of status 400 or more says.

    Raises:
        RuntimeFailure: The answer is a refusal.
    """
    if answer.status < 400:
        return
    text = body(connection, answer).decode(errors="replace")
    cause, message = told(text)
    raise refusal(answer.status, cause, message, subject)


def told(text: str) -> tuple[str, str]:
    """Cause and message of the body of a refusal."""
    try:
        found = json.loads(text)
        return str(found.get("cause", "")), str(found.get("message", text))
    except (ValueError, AttributeError):
        return "", text.strip()


def _complete(data: bytes, chunked: bool, length: str | None) -> bool:
    if chunked:
        return data.endswith(b"0\r\n\r\n")
    return length is not None and len(data) >= int(length)


def _unchunk(data: bytes) -> bytes:
    found = []
    while data:
        size, _, data = data.partition(b"\r\n")
        count = int(size.split(b";")[0], 16)
        if not count:
            break
        found.append(data[:count])
        data = data[count + 2 :]
    return b"".join(found)
