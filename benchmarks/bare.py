"""The floor below any runner: the engine's API over its socket, call after call, and nothing else.

``python -m benchmarks.bare ENGINE run|exec|wide TIMES IMAGE`` does what steps make the engine do.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_COMMAND = ["/bin/sh", "-c", "true"]
_WIDE = 4  # more at once gain nothing on two processors


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("engine")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


class Bare:
    """One engine's API.

    Attributes:
        variable: The environment variable that names the socket.
        socket: Where it is otherwise.
        prefix: Before every path.
        wait: What the question for the end of a container is asked with.
    """

    variable = "DOCKER_HOST"
    socket = "/var/run/docker.sock"
    prefix = "/v1.41"
    wait = ""

    def body(self, image: str, command: list[str], *, init: bool) -> Mapping[str, Any]:
        """What a container is made of."""
        host = {"Init": True} if init else {"LogConfig": {"Type": "none"}}
        return {"Image": image, "Entrypoint": [], "Cmd": command, "HostConfig": host}

    def connection(self) -> _Connection:
        """A new one."""
        return _Connection(os.environ.get(self.variable, self.socket).removeprefix("unix://"))

    def call(self, connection: _Connection, method: str, path: str, body: Any = None) -> Any:
        """One call, and its answer."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        text = None if body is None else json.dumps(body)
        connection.request(method, self.prefix + path, text, headers)
        answer = connection.getresponse()
        told = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {told.decode(errors='replace')}")
        return json.loads(told) if told else None

    def drained(self, path: str, body: Any = None) -> http.client.HTTPResponse:
        """The output of a container or an exec, on a connection of its own."""
        connection = self.connection()
        headers = {"Connection": "Upgrade", "Upgrade": "tcp", "Content-Type": "application/json"}
        connection.request("POST", self.prefix + path, None if body is None else json.dumps(body), headers)
        return connection.getresponse()

    def create(self, connection: _Connection, image: str, command: list[str], *, init: bool = False) -> str:
        """The id of a new container."""
        body = self.body(image, command, init=init)
        return str(self.call(connection, "POST", "/containers/create", body)["Id"])

    def remove(self, connection: _Connection, container: str) -> None:
        """Remove a container, also one that runs."""
        self.call(connection, "DELETE", f"/containers/{container}?force=true")

    def one(self, connection: _Connection, image: str) -> None:
        """One container: create, attach, start, wait, remove."""
        container = self.create(connection, image, _COMMAND)
        output = self.drained(f"/containers/{container}/attach?stream=true&stdout=true&stderr=true")
        self.call(connection, "POST", f"/containers/{container}/start")
        _drain(output)
        self.call(connection, "POST", f"/containers/{container}/wait{self.wait}")
        self.remove(connection, container)

    def run(self, times: int, image: str) -> None:
        """Containers one after the other."""
        connection = self.connection()
        for _ in range(times):
            self.one(connection, image)

    def wide(self, times: int, image: str) -> None:
        """Containers side by side."""
        with ThreadPoolExecutor(_WIDE) as pool:
            list(pool.map(lambda _: self.one(self.connection(), image), range(times)))

    def exec(self, times: int, image: str) -> None:
        """Commands in one container, one after the other: create, start, read, inspect."""
        connection = self.connection()
        container = self.create(connection, image, ["sleep", "3600"], init=True)
        try:
            self.call(connection, "POST", f"/containers/{container}/start")
            for _ in range(times):
                body = {"Cmd": _COMMAND, "AttachStdout": True, "AttachStderr": True}
                made = self.call(connection, "POST", f"/containers/{container}/exec", body)["Id"]
                _drain(self.drained(f"/exec/{made}/start", {"Detach": False, "Tty": False}))
                self.call(connection, "GET", f"/exec/{made}/json")
        finally:
            self.remove(connection, container)


class _Podman(Bare):
    variable = "DAGU_PODMAN_HOST"
    socket = "/run/podman/podman.sock"
    prefix = "/v4.0.0/libpod"
    wait = "?condition=exited&interval=5ms"

    def body(self, image: str, command: list[str], *, init: bool) -> Mapping[str, Any]:
        return {"image": image, "entrypoint": [], "command": command, "init": init}


def _drain(stream: http.client.HTTPResponse) -> None:
    while stream.fp.read1(65536):
        pass
    stream.close()


if __name__ == "__main__":
    engine, what, number, reference = sys.argv[1:]
    getattr({"docker": Bare, "podman": _Podman}[engine](), what)(int(number), reference)
