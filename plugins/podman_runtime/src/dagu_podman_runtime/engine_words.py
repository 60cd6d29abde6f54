"""Tells what the engine writes to a command's standard error from what the command writes there."""

from __future__ import annotations

import re
import threading

from dagu.contracts.streams import Sink
from dagu.errors import CommandForbidden, CommandNotFound, RequestRefused, RuntimeFailure
from dagu_podman_runtime.errors import brief, command_failure

# Podman, when the command could not be started; nothing else is written then.
_NOT_STARTED = re.compile(rb"Error: [^\n]*: OCI [^\n]*\n(Error: [^\n]*\n)*")
# runc, when the kernel refused the program at the very last, for its interpreter or its format.
_NOT_EXECUTED = re.compile(
    rb"exec (?P<program>[^\n]+): (?P<why>no such file or directory|exec format error)\n"
)
# Podman, as its last words, when the command ended and left input unread.
_NOISE = re.compile(
    rb"(Error: (read|write) unixpacket @->\S+: (read|write): (connection reset by peer|broken pipe)\n)+\Z"
)
_LONGEST = 16384


class EngineWords:
    """A sink for standard error that keeps back what may be the engine's.

    Args:
        sink: Gets what is the command's.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._kept = b""
        self._spoke = False

    def __call__(self, block: bytes) -> None:
        with self._lock:
            text = self._kept + block
            if not self._spoke and len(text) < _LONGEST and _first_words(text):
                self._kept = text
                return
            noise = _NOISE.search(text) if text.endswith((b"by peer\n", b"pipe\n")) else None
            given = text[: noise.start()] if noise else text
            self._kept = text[len(given) :]
            self._spoke = self._spoke or bool(given)
        if given:
            self._sink(given)

    def beside(self, stdout: Sink) -> Sink:
        """The command's standard output: what was kept before it was the command's, too."""

        def sink(block: bytes) -> None:
            self._release()
            stdout(block)

        return sink

    def at_the_end(self, code: int) -> RuntimeFailure | None:
        """What the engine said, if it could not start the command; else gives out what is the command's."""
        with self._lock:
            text = b"" if self._spoke else self._kept
        told = text.decode(errors="replace")
        if code in (125, 126, 127) and _NOT_STARTED.fullmatch(text):
            return command_failure(told) or RequestRefused(
                f"Podman could not start the command: {brief(told)}"
            )
        if code in (1, 126, 127, 255) and (refused := _NOT_EXECUTED.fullmatch(text)):
            if refused["why"] == b"exec format error":
                return CommandForbidden(f"the program may not be executed: {told.strip()}")
            return CommandNotFound(
                f"the program is in the container, its interpreter is not: {told.strip()}",
                hint="look at the script's first line, or at the loader that a binary asks for",
            )
        if not _NOISE.fullmatch(self._kept):
            self._release()
        return None

    def _release(self) -> None:
        with self._lock:
            block, self._kept, self._spoke = self._kept, b"", True
        if block:
            self._sink(block)


def _first_words(text: bytes) -> bool:
    return bool(_NOT_STARTED.fullmatch(text) or _NOT_EXECUTED.fullmatch(text))
