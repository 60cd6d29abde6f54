"""How containers end, heard of at once.

Before Docker 23, ``POST /containers/ID/wait`` answers only after the network of the container was taken down. The event
comes before that. Source: moby ``daemon/monitor.go`` and ``container/state.go``, 20.10.
"""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import Future

from dagu.errors import RuntimeFailure
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.raw_stream import RawStream
from dagu_docker_runtime.streams import StreamCut, reader

# What happened since ever is replayed from the engine's memory, so nothing falls between question and answer.
_QUERY = {"since": "0", "filters": json.dumps({"type": ["container"], "event": ["die"]})}


class Exits:
    """One stream of events for all containers of a runtime; opened when the first is expected to run.

    It is not opened again when it broke off: the replay would tell old ends of containers that were restarted.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._expected: dict[str, Future[int | None]] = {}
        self._stream: RawStream | None = None
        self._over = False

    def expect(self, container: str) -> None:
        """A container that this runtime created, named by its id, is about to be started."""
        with self._lock:
            known = self._expected.get(container)
            if known is None or known.done():
                self._expected[container] = Future()
            self._open()

    def code(self, container: str) -> int | None:
        """Block until an expected container ended.

        Returns:
            Its exit code; None if that can't be known from here.
        """
        with self._lock:
            ended = None if self._over else self._expected.get(container)
        return None if ended is None else ended.result()

    def forget(self, container: str) -> None:
        """Nobody will ask for it."""
        with self._lock:
            ended = self._expected.pop(container, None)
        if ended is not None and not ended.done():
            ended.set_result(None)

    def close(self) -> None:
        """End the stream."""
        with self._lock:
            self._over = True
            if self._stream is not None:
                self._stream.cut()

    def _open(self) -> None:
        if self._over or self._stream is not None:
            return
        try:
            self._stream = self._client.open_stream("follow the engine's events", "GET", "/events", _QUERY)
        except RuntimeFailure:
            self._over = True  # the start will tell what is wrong
            return
        threading.Thread(
            target=self._read, args=(self._stream,), name="dagu-docker-exits", daemon=True
        ).start()

    def _read(self, stream: RawStream) -> None:
        text = b""
        read = reader(stream)
        try:
            with contextlib.suppress(StreamCut):
                while block := read(65536):
                    *lines, text = (text + block).split(b"\n")
                    for line in lines:
                        self._take(json.loads(line)["Actor"])
        finally:
            stream.close()
            with self._lock:
                self._over = True
                left = [ended for ended in self._expected.values() if not ended.done()]
            for ended in left:
                ended.set_result(None)

    def _take(self, actor: dict[str, object]) -> None:
        attributes = actor.get("Attributes")
        code = attributes.get("exitCode") if isinstance(attributes, dict) else None
        with self._lock:
            ended = self._expected.get(str(actor.get("ID")))
        if ended is not None and not ended.done() and code is not None:
            ended.set_result(int(code))
