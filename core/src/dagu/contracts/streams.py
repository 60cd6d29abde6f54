"""Bytes in and out of a process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from dagu.frozen import dataclass

Sink = Callable[[bytes], object]
"""Takes one block of output. Called from one thread, in order; may raise, which ends the stream's reading."""


class Source(Protocol):
    """Where standard input comes from: an open binary file, or ``io.BytesIO``."""

    def read(self, size: int = -1, /) -> bytes: ...


def discard(_block: bytes) -> None:
    """A sink for output that nobody wants."""


@dataclass(frozen=True)
class Streams:
    """The three standard streams of a process.

    Attributes:
        stdin: Read to its end, after which the process sees end of file; None is an empty standard input.
        stdout: Gets standard output, block by block, byte for byte.
        stderr: Gets standard error, apart from standard output.
    """

    stdout: Sink = discard
    stderr: Sink = discard
    stdin: Source | None = None


BLOCK = 256 * 1024
"""Bytes that are moved at a time."""


def write_all(descriptor: int, block: bytes) -> None:
    """Write the whole block to a descriptor, however often the kernel takes only a part."""
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]
