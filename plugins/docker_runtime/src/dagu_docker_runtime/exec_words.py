"""Sinks that watch the first output of an exec, where the engine's own words may be."""

from __future__ import annotations

from dagu.contracts.streams import Sink

# The engine reports a command that it couldn't start by writing to its standard output.
_ENGINE_WORDS = (b"OCI runtime exec failed", b"unable to find ", b"failed to ", b"cannot ")
_LONGEST_WORDS = 8192


class FirstWords:
    """A sink that keeps back what may be the engine's words, until it is known whether the command started."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._open = True
        self.held = b""
        self.silent = True

    def __call__(self, block: bytes) -> None:
        self.silent = False
        if not self._open:
            self._sink(block)
            return
        self.held += block
        possible = any(w.startswith(self.held[: len(w)]) for w in _ENGINE_WORDS)
        if not possible or len(self.held) > _LONGEST_WORDS:
            self.pass_on()

    def pass_on(self) -> None:
        """The words are the command's own."""
        self._open = False
        held, self.held = self.held, b""
        if held:
            self._sink(held)


class Beginning:
    """A sink that passes everything on and remembers the first bytes."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.text = b""

    def __call__(self, block: bytes) -> None:
        if len(self.text) < _LONGEST_WORDS:
            self.text += block[: _LONGEST_WORDS - len(self.text)]
        self._sink(block)
