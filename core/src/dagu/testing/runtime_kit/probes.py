"""What the cases listen and speak with: sinks, a source, and a way to wait."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable

from dagu.contracts.streams import write_all

HANG_GUARD = 300.0
"""Seconds after which a case counts as hung. Not a measure of speed."""


class Output:
    """A sink that keeps what it is given and lets another thread wait for some of it."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._grown = threading.Condition()

    def __call__(self, block: bytes) -> None:
        with self._grown:
            self._data += block
            self._grown.notify_all()

    @property
    def data(self) -> bytes:
        with self._grown:
            return bytes(self._data)

    def wait_for(self, text: bytes) -> None:
        """Block until the text has arrived."""
        with self._grown:
            arrived = self._grown.wait_for(lambda: text in self._data, HANG_GUARD)
            assert arrived, f"{text!r} did not arrive; so far: {bytes(self._data[-200:])!r}"


class Digest:
    """A sink that counts and hashes, for output too large to keep."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size = 0

    def __call__(self, block: bytes) -> None:
        self._hash.update(block)
        self.size += len(block)

    @property
    def hex(self) -> str:
        return self._hash.hexdigest()


class Gate:
    """A pipe as a source of standard input that the case feeds piece by piece."""

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        self.source = open(reader, "rb", buffering=0)  # noqa: SIM115 (its reader may outlive the case)
        self._open = True

    def feed(self, data: bytes) -> None:
        write_all(self._writer, data)

    def end(self) -> None:
        """Close the writing end: the source is at its end."""
        if self._open:
            self._open = False
            os.close(self._writer)


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that the contract gives no way to wait for."""
    end = time.monotonic() + HANG_GUARD
    while not condition():
        assert time.monotonic() < end, f"never came true: {what}"
        time.sleep(0.1)
