"""The output of one attempt, as it comes: byte for byte into its log files, masked, and told to observers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from dagu.contracts.streams import Sink, write_all
from dagu.errors import DaguError
from dagu.run.paths import reason
from dagu.run.points import reach
from dagu.run.records.masking import Masker

TAIL = 1024
"""Bytes of a stream's end that go into an error message."""

OnOutput = Callable[[str, bytes], object]
"""Told the stream's name and a block that was just logged."""


class LogFile:
    """One stream's log. ``write`` is a sink; ``tail`` holds the last bytes.

    Args:
        also: Another file that gets the same bytes, appended; its directory exists.
        told: Called with each block; None when nobody listens.
    """

    def __init__(
        self, path: Path, masker: Masker, *, also: Path | None = None, told: Sink | None = None
    ) -> None:
        self.path = path
        self.size = 0
        self.tail = b""
        self._told = told
        self._descriptors = [_open(path)]
        if also is not None:
            try:
                self._descriptors.append(_open(also))
            except DaguError:
                os.close(self._descriptors[0])
                raise
        # Also where no secret is known yet: one may be learned before the first output comes.
        self._masked = masker.stream(self._put)

    def write(self, block: bytes) -> None:
        """Log a block."""
        self._masked(block)

    def line(self, text: str) -> None:
        """Log a line of the runner's own."""
        self.write(text.encode(errors="surrogateescape") + b"\n")

    def _put(self, block: bytes) -> None:
        for descriptor in self._descriptors:
            try:
                write_all(descriptor, block)
            except OSError as error:
                raise DaguError(
                    f"the output can't be logged to {self.path}: {error.strerror}",
                    hint="make room on the disk, or set DAGU_HOME to another one",
                ) from error
        reach("output-logged")
        self.size += len(block)
        self.tail = block[-TAIL:] if len(block) >= TAIL else (self.tail + block)[-TAIL:]
        if self._told is not None:
            self._told(block)

    def close(self) -> None:
        """Write what masking held back, and close the files."""
        try:
            self._masked.flush()
        finally:
            for descriptor in self._descriptors:
                os.close(descriptor)
            self._descriptors = []


class AttemptLog:
    """Both streams of an attempt."""

    def __init__(self, stdout: LogFile, stderr: LogFile) -> None:
        self.stdout = stdout
        self.stderr = stderr

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stdout.close()
        finally:
            self.stderr.close()


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except (OSError, ValueError) as error:
        raise DaguError(f"output can't be written to {path}: {reason(error)}") from error
