"""Replays the output that Podman kept of a container, and follows it.

Podman's own following of a log loses lines from the moment that the container ends. So an attached stream only tells
that there is more, and the log is read anew from its start; what was given out before is passed over.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable

from dagu.contracts.runtime import Attachment
from dagu.contracts.streams import Sink, Streams
from dagu.errors import RuntimeFailure
from dagu_podman_runtime import frames
from dagu_podman_runtime.connection import PATIENT, Connection, path_name

_REST = 10  # times as long as a reading took is waited before the next: it begins from the start each time
_LEAST = 0.2  # seconds


class Logs:
    """The kept output of one service's containers.

    Args:
        attach: Connects to a container's streams.
        wait: Blocks until a container ended.
    """

    def __init__(
        self,
        connection: Connection,
        attach: Callable[[str, Streams], Attachment],
        wait: Callable[[str], object],
    ) -> None:
        self._connection = connection
        self._attach = attach
        self._wait = wait

    def replay(self, container: str, *, stdout: Sink, stderr: Sink, follow: bool) -> None:
        """Give out what was kept, from the first byte, and with ``follow`` what comes until the container ends."""
        places = {frames.STDOUT: _Place(stdout), frames.STDERR: _Place(stderr)}
        if follow:
            self._follow(container, places)
        self._read(container, places)

    def _follow(self, container: str, places: dict[int, _Place]) -> None:
        more = _More()
        attachment = self._attach(container, Streams(more.told, more.told))
        threading.Thread(target=more.ends_with, args=(attachment,), name="podman-log", daemon=True).start()
        try:
            while not more.ended:
                begun = time.monotonic()
                self._read(container, places)
                more.wait_until(time.monotonic() + max(_LEAST, _REST * (time.monotonic() - begun)))
            self._wait(container)
        finally:
            attachment.close()

    def _read(self, container: str, places: dict[int, _Place]) -> None:
        for place in places.values():
            place.rewind()
        answer = self._connection.call(
            "GET",
            f"/containers/{path_name(container)}/logs",
            subject=container,
            params={"stdout": True, "stderr": True},
            timeout=PATIENT,
            stream=True,
        )
        try:
            for stream, block in frames.blocks(lambda: self._connection.read(answer)):
                if stream in places:
                    places[stream].give(block)
        finally:
            answer.close()
        if not all(place.caught_up for place in places.values()):
            raise RuntimeFailure(
                f"Podman gave the output of the container {container!r} differently the second time",
                hint="a log with a size limit loses its beginning; leave the limit out",
            )


class _More:
    """Knows whether there is more to read, and whether there ever will be."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._told = False
        self.ended = False

    def told(self, _block: bytes) -> None:
        with self._changed:
            self._told = True
            self._changed.notify_all()

    def ends_with(self, attachment: Attachment) -> None:
        attachment.join()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait_until(self, least: float) -> None:
        """Block until there is more, and it is late enough, or there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._told or self.ended)
            self._changed.wait_for(lambda: self.ended, max(0.0, least - time.monotonic()))
            self._told = False


class _Place:
    """How far one stream was given out, with proof that another reading begins with the same bytes."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._given = hashlib.blake2b()
        self._size = 0
        self._again = hashlib.blake2b()
        self._skip = 0
        self._same = True

    @property
    def caught_up(self) -> bool:
        """Whether a reading came as far as the one before, with the same bytes."""
        return self._same and not self._skip

    def rewind(self) -> None:
        """What comes next is the stream from its first byte."""
        self._again = hashlib.blake2b()
        self._skip = self._size

    def give(self, block: bytes) -> None:
        """Give out a block, but for what was given out before."""
        if self._skip:
            passed = block[: self._skip]
            block = block[len(passed) :]
            self._again.update(passed)
            self._skip -= len(passed)
            self._same = self._same and (bool(self._skip) or self._again.digest() == self._given.digest())
        if self._same and block:
            self._given.update(block)
            self._size += len(block)
            self._sink(block)
