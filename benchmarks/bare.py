"""The floor below any runner on Docker: the engine's API over its socket, call after call, and nothing else.

``python -m benchmarks.bare run|exec TIMES IMAGE`` does what a chain of steps makes the engine do.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

_COMMAND = ["/bin/sh", "-c", "true"]


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(
            os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        )


def _call(connection: _Connection, method: str, path: str, body: Any = None) -> Any:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, f"/v1.41{path}", None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 400:
        raise SystemExit(f"{method} {path}: {text.decode(errors='replace')}")
    return json.loads(text) if text else None


def _stream(path: str, body: Any = None) -> http.client.HTTPResponse:
    """The output of a container or an exec, on a connection of its own."""
    connection = _Connection("docker")
    headers = {"Connection": "Upgrade", "Upgrade": "tcp", "Content-Type": "application/json"}
    connection.request("POST", f"/v1.41{path}", None if body is None else json.dumps(body), headers)
    return connection.getresponse()


def _drain(stream: http.client.HTTPResponse) -> None:
    while stream.fp.read1(65536):
        pass
    stream.close()


def _create(connection: _Connection, image: str, command: list[str], host: Mapping[str, Any]) -> str:
    body = {"Image": image, "Entrypoint": [], "Cmd": command, "HostConfig": host}
    return str(_call(connection, "POST", "/containers/create", body)["Id"])


def run(times: int, image: str) -> None:
    """Containers one after the other: create, attach, start, wait, remove."""
    connection = _Connection("docker")
    for _ in range(times):
        container = _create(connection, image, _COMMAND, {"LogConfig": {"Type": "none"}})
        output = _stream(f"/containers/{container}/attach?stream=1&stdout=1&stderr=1")
        _call(connection, "POST", f"/containers/{container}/start")
        _drain(output)
        _call(connection, "POST", f"/containers/{container}/wait")
        _call(connection, "DELETE", f"/containers/{container}?force=1")


def execute(times: int, image: str) -> None:
    """Commands in one container, one after the other: create, start, read, inspect."""
    connection = _Connection("docker")
    container = _create(connection, image, ["sleep", "3600"], {"Init": True})
    try:
        _call(connection, "POST", f"/containers/{container}/start")
        for _ in range(times):
            body = {"Cmd": _COMMAND, "AttachStdout": True, "AttachStderr": True}
            made = _call(connection, "POST", f"/containers/{container}/exec", body)["Id"]
            _drain(_stream(f"/exec/{made}/start", {"Detach": False, "Tty": False}))
            _call(connection, "GET", f"/exec/{made}/json")
    finally:
        _call(connection, "DELETE", f"/containers/{container}?force=1")


if __name__ == "__main__":
    {"run": run, "exec": execute}[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
