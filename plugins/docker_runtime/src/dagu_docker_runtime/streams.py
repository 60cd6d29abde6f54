"""Moving bytes between a container's standard streams and sinks, on threads of our own."""

from __future__ import annotations

import http.client
import struct
import threading
from collections.abc import Callable

from dagu.contracts.runtime import Attachment
from dagu.contracts.streams import BLOCK, Sink, Source, Streams
from dagu.errors import EngineLost
from dagu_docker_runtime.raw_stream import RawStream

_HEADER = struct.Struct(">BxxxL")
_STDERR = 2


class StreamCut(Exception):
    """A stream broke off."""


def reader(raw: RawStream) -> Callable[[int], bytes]:
    """How to read it, with an error that can't be taken for one of a sink."""

    def read(size: int) -> bytes:
        try:
            return raw.read(size)
        except (OSError, http.client.HTTPException) as error:
            raise StreamCut(str(error) or type(error).__name__) from error

    return read


def demultiplex(read: Callable[[int], bytes], stdout: Sink, stderr: Sink) -> None:
    """Give the frames of a multiplexed stream to their sinks until it ends.

    The engine sends frames of at most 32 KiB; what one read brings for one sink goes to it as one block.
    Source: Docker Engine API, "Attach to a container", stream format.

    Raises:
        StreamCut: It ended within a frame, or ``read`` says so.
    """
    header = bytearray()
    left = 0
    sink = stdout
    while block := read(BLOCK):
        position = 0
        parts: list[bytes] = []
        while position < len(block):
            if left == 0:
                taken = block[position : position + _HEADER.size - len(header)]
                header += taken
                position += len(taken)
                if len(header) < _HEADER.size:
                    break
                kind, left = _HEADER.unpack(header)
                header.clear()
                target = stderr if kind == _STDERR else stdout
                if target is not sink:
                    _give(sink, parts)
                    sink, parts = target, []
                continue
            part = block[position : position + left]
            parts.append(part)
            left -= len(part)
            position += len(part)
        _give(sink, parts)
    if left or header:
        raise StreamCut("the connection ended in the middle of a block")


def pass_through(read: Callable[[int], bytes], sink: Sink) -> None:
    """Give a terminal's stream, which has no frames, to one sink."""
    while block := read(BLOCK):
        sink(block)


def copy_output(raw: RawStream, streams: Streams, *, terminal: bool, name: str) -> None:
    """Give everything that a stream brings to the sinks.

    Raises:
        EngineLost: It broke off.
        Exception: Whatever a sink raised.
    """
    try:
        if terminal:
            pass_through(reader(raw), streams.stdout)
        else:
            demultiplex(reader(raw), streams.stdout, streams.stderr)
    except StreamCut as error:
        raise EngineLost(
            f"the output of {name} was cut off: {error}",
            hint="see whether Docker was stopped or crashed; the process may still be running",
        ) from error


def _give(sink: Sink, parts: list[bytes]) -> None:
    if parts:
        sink(parts[0] if len(parts) == 1 else b"".join(parts))


class StreamPump(Attachment):
    """The threads that serve one raw stream.

    Args:
        raw: Taken over and closed.
        streams: Where the bytes come from and go to.
        terminal: The stream has no frames; standard error is in it.
        name: For messages and thread names: ``container x``.
        finish: Called on the reading thread after the last byte, before ``join`` returns; not after an error.
    """

    def __init__(
        self,
        raw: RawStream,
        streams: Streams,
        *,
        terminal: bool,
        name: str,
        finish: Callable[[], object] = lambda: None,
    ) -> None:
        self._raw, self._streams, self._terminal, self._name = raw, streams, terminal, name
        self._finish = finish
        self._error: BaseException | None = None
        self._closing = False
        self._ended = threading.Event()
        threading.Thread(target=self._read, name=f"dagu-docker-output-{name}", daemon=True).start()
        if streams.stdin is not None:
            arguments = (streams.stdin,)
            threading.Thread(
                target=self._write, args=arguments, name=f"dagu-docker-input-{name}", daemon=True
            ).start()

    def join(self) -> None:
        self._ended.wait()
        if self._error is not None:
            raise self._error

    def ended_within(self, seconds: float) -> bool:
        """Whether the streams end in time."""
        return self._ended.wait(seconds)

    def close(self) -> None:
        self._closing = True
        self._raw.cut()

    def _fail(self, error: BaseException) -> None:
        # The first one counts: cutting the stream brings others.
        if self._error is None and not self._closing:
            self._error = error

    def _read(self) -> None:
        try:
            copy_output(self._raw, self._streams, terminal=self._terminal, name=self._name)
            self._finish()
        except BaseException as error:  # noqa: BLE001 - a sink's error belongs to whoever joins
            self._fail(error)
        finally:
            self._raw.close()
            self._ended.set()

    def _write(self, source: Source) -> None:
        # A pipe's read() waits for a whole block; read1() passes on what is there.
        read: Callable[[int], bytes] = getattr(source, "read1", source.read)
        try:
            while block := read(BLOCK):
                try:
                    self._raw.write(block)
                except OSError:
                    return  # the process ended or closed its input, as any writer to a pipe may find
            self._raw.end_writing()
        except BaseException as error:  # noqa: BLE001 - a process must not take half an input for a whole one
            self._fail(error)
            self._raw.cut()
