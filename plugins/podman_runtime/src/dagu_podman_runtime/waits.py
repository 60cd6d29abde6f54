"""Waiting for the end of a container without asking again and again.

Podman's own wait polls. Where the container's process is in this machine's process table, its pidfd tells the moment
of its end; a wait of the engine's, at long intervals, is held beside it, so that the end of the engine is seen too.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from dagu.errors import ContainerNotFound, EngineLost, EngineUnreachable
from dagu_podman_runtime import wire
from dagu_podman_runtime.connection import Connection, path_name
from dagu_podman_runtime.errors import transport

_HELD = "1s"
_AT_ONCE = "10ms"
_POLLED = "20ms"  # one percent of a processor for each container that is waited for
_REMOVED = "100ms"

Inspect = Callable[[str], Mapping[str, Any]]


class Waits:
    """Waits for containers of one service.

    Args:
        inspect: Podman's description of a container.
        local: The service's processes are in this machine's process table.
    """

    def __init__(self, connection: Connection, inspect: Inspect, local: Callable[[], bool]) -> None:
        self._connection = connection
        self._inspect = inspect
        self._local = local
        self._kept: dict[str, Future[int]] = {}
        self._held: set[socket.socket] = set()
        self._lock = threading.Lock()

    def code(self, found: Mapping[str, Any], *, seconds: float | None = None) -> int | None:
        """Block until an inspected container that was started has ended.

        Args:
            seconds: How long to wait at most.

        Returns:
            Its exit code, or None when the time is over.

        Raises:
            ContainerNotFound: It is gone.
            EngineLost: The engine is.
        """
        container = str(found["Id"])
        try:
            return self._code(container, self._process(found), seconds)
        except EngineUnreachable as error:
            raise EngineLost(error.message, hint=error.hint) from error

    def keep(self, container: str) -> None:
        """Begin to wait for a container that removes itself; to be called when it is initialised, not started."""
        held = self._ask(container, _REMOVED)
        future: Future[int] = Future()
        with self._lock:
            self._kept[container] = future
            self._held.add(held)

        def read() -> None:
            try:
                future.set_result(self._read(held, container))
            except BaseException as error:  # noqa: BLE001 (given to who waits)
                future.set_exception(error)
            finally:
                with self._lock:
                    self._held.discard(held)
                    held.close()

        threading.Thread(target=read, name="podman-wait", daemon=True).start()

    def kept(self, container: str) -> int | None:
        """The exit code of a container that was kept, which may be gone by now; None for another one."""
        with self._lock:
            future = self._kept.get(container)
        if future is None:
            return None
        try:
            return future.result()
        except EngineLost:
            self.forget(container)  # whoever asks next asks the engine, which may be back
            raise

    def forget(self, container: str) -> None:
        """Drop what was kept of a container."""
        with self._lock:
            self._kept.pop(container, None)

    def close(self) -> None:
        """Wait no longer for what was kept."""
        with self._lock:
            for held in self._held:
                with contextlib.suppress(OSError):
                    held.shutdown(socket.SHUT_RDWR)

    def _code(self, container: str, process: int | None, seconds: float | None) -> int | None:
        try:
            limit = None if seconds is None else time.monotonic() + seconds
            interval = _POLLED if process is None else _HELD
            with self._ask(container, interval) as held:
                ready = _ready(limit, held, process)
                if ready == process:
                    try:
                        with self._ask(container, _AT_ONCE) as asked:
                            ready = _ready(limit, asked, held.fileno())
                            if ready == asked.fileno():
                                return self._read(asked, container)
                    except ContainerNotFound:
                        # It is removed already. The engine remembers the code for who asked before.
                        ready = held.fileno()
                return self._read(held, container) if ready == held.fileno() else None
        finally:
            if process is not None:
                os.close(process)

    def _process(self, found: Mapping[str, Any]) -> int | None:
        """A pidfd of the container's first process."""
        pid = int(found["State"].get("Pid") or 0)
        if not pid or not self._local():
            return None
        try:
            process = os.pidfd_open(pid)
        except OSError:
            return None
        # Only if the container has that process now too, the number was not another's when it was opened.
        try:
            same = int(self._inspect(str(found["Id"]))["State"].get("Pid") or 0) == pid
        except BaseException:
            os.close(process)
            raise
        if same:
            return process
        os.close(process)
        return None

    def _ask(self, container: str, interval: str) -> socket.socket:
        held = self._connection.dial()
        try:
            path = self._connection.path(f"/containers/{path_name(container)}/wait")
            wire.send(held, "POST", path, params={"condition": "exited", "interval": interval})
        except OSError as error:
            held.close()
            raise transport(error, self._connection.url) from error
        return held

    def _read(self, held: socket.socket, container: str) -> int:
        try:
            answer = wire.receive(held)
            wire.check(held, answer, container)
            return int(wire.body(held, answer))
        except OSError as error:
            raise transport(error, self._connection.url) from error


def _ready(limit: float | None, held: socket.socket, other: int | None) -> int | None:
    """The one of two descriptors that is ready first; None when the time is over."""
    poll = select.poll()
    poll.register(held, select.POLLIN)
    if other is not None:
        poll.register(other, select.POLLIN)
    left = None if limit is None else max(0.0, limit - time.monotonic()) * 1000
    ready = [descriptor for descriptor, _ in poll.poll(left)]
    return held.fileno() if held.fileno() in ready else ready[0] if ready else None
