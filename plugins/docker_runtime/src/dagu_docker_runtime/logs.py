"""Output that the engine kept."""

from __future__ import annotations

import time
from typing import Any

from dagu.contracts.streams import Sink, Streams
from dagu_docker_runtime import inspection
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.errors import Refused, container_failure
from dagu_docker_runtime.streams import copy_output

_PAUSE = 0.2


class Logs:
    """Reads the logs of one engine's containers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(self, container: str, *, stdout: Sink, stderr: Sink, follow: bool) -> None:
        """Give the kept output to the sinks, and with ``follow`` what comes until the container ended.

        Measured on Docker 20.10: following a log of the driver ``local`` may end while the container runs, when the
        reader comes upon a half-written entry. So an end is believed only if the log was read after the
        container ended; else it is read anew, and what was given already is skipped.
        """
        out, err = _Resuming(stdout), _Resuming(stderr)
        state: dict[str, Any] | None = inspection.inspect(self._client, container)["State"]
        while state is not None:
            running = follow and bool(state["Running"])
            before = out.given + err.given
            self._read_once(container, Streams(stdout=out, stderr=err), follow=running)
            if not running:
                return
            if out.given + err.given == before:
                time.sleep(_PAUSE)
            out.rewind()
            err.rewind()
            state = inspection.state(self._client, container)

    def _read_once(self, container: str, streams: Streams, *, follow: bool) -> None:
        terminal = bool(inspection.inspect(self._client, container)["Config"]["Tty"])
        query = {"stdout": "1", "stderr": "1", "follow": "1" if follow else "0"}
        doing = f"read the log of the container {container}"
        try:
            stream = self._client.open_stream(doing, "GET", f"/containers/{container}/logs", query)
        except Refused as error:
            raise container_failure(error, container) from error
        try:
            copy_output(stream, streams, terminal=terminal, name=f"the container {container[:12]}")
        finally:
            stream.close()


class _Resuming:
    """A sink that can be given the same again, and passes on only what is new."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._skip = 0
        self.given = 0

    def __call__(self, block: bytes) -> None:
        new = block[self._skip :]
        self._skip -= len(block) - len(new)
        if new:
            self.given += len(new)
            self._sink(new)

    def rewind(self) -> None:
        """What follows begins with the first byte."""
        self._skip = self.given
