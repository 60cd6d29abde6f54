"""Replays the output that Podman kept of a container."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from dagu.contracts.streams import Sink
from dagu.errors import RuntimeFailure
from dagu_podman_runtime import frames
from dagu_podman_runtime.connection import PATIENT, Connection, path_name


class Logs:
    """The kept output of one service's containers.

    Args:
        wait: Blocks until a container ended.
    """

    def __init__(self, connection: Connection, wait: Callable[[str], object]) -> None:
        self._connection = connection
        self._wait = wait

    def replay(self, container: str, *, stdout: Sink, stderr: Sink, follow: bool) -> None:
        """Give out what was kept, from the first byte, and with ``follow`` what comes until the container ends."""
        places = {frames.STDOUT: _Place(stdout), frames.STDERR: _Place(stderr)}
        if follow:
            # Podman's own following gives up before the end of a large output. What it gave is a beginning; the
            # rest is read when the container has ended.
            self._read(container, places, follow=True)
            self._wait(container)
            for place in places.values():
                place.rewind()
        self._read(container, places, follow=False)
        for place in places.values():
            place.check(container)

    def _read(self, container: str, places: dict[int, _Place], *, follow: bool) -> None:
        answer = self._connection.call(
            "GET",
            f"/containers/{path_name(container)}/logs",
            subject=container,
            params={"stdout": True, "stderr": True, "follow": follow},
            timeout=PATIENT,
            stream=True,
        )
        try:
            for stream, block in frames.blocks(lambda: self._connection.read(answer)):
                if place := places.get(stream):
                    place.give(block)
        finally:
            answer.close()


class _Place:
    """How far one stream was given out, and proof that a second reading begins with the same bytes."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._given = hashlib.blake2b()
        self._again = hashlib.blake2b()
        self._size = 0
        self._skip = 0

    def rewind(self) -> None:
        """What comes next is the stream from its first byte; pass over what was given out."""
        self._skip = self._size

    def give(self, block: bytes) -> None:
        """Give out a block, but for what was given before."""
        if self._skip:
            passed = block[: self._skip]
            self._again.update(passed)
            self._skip -= len(passed)
            block = block[len(passed) :]
            if not self._skip and self._again.digest() != self._given.digest():
                self._skip = -1
        if self._skip < 0 or not block:
            return
        self._given.update(block)
        self._size += len(block)
        self._sink(block)

    def check(self, container: str) -> None:
        """Tell when the two readings differ.

        Raises:
            RuntimeFailure: They do.
        """
        if self._skip:
            raise RuntimeFailure(f"Podman gave the output of {container!r} differently the second time")
