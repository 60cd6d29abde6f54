"""Moves the bytes of a process between upgraded connections and the sinks, on threads of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from dagu.contracts.runtime import Attachment
from dagu.contracts.streams import BLOCK, Sink, Source, Streams
from dagu_podman_runtime import frames

Throttle = Callable[[], int]
"""Waits until input is wanted, and tells how many bytes at most; 0 when no more will be."""


class Pump(Attachment):
    """The open streams of one process.

    Args:
        output: Upgraded; the pump closes it.
        first: What of its output came already.
        streams: Where the bytes go to and come from.
        input: A connection of its own for standard input; None sends it on ``output``.
        throttle: Holds input back; None sends it as it comes.
    """

    def __init__(
        self,
        output: socket.socket,
        first: bytes,
        streams: Streams,
        *,
        input: socket.socket | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._output = _Connection(output)
        self._input = self._output if input is None else _Connection(input)
        self._first = first
        self._sinks: dict[int, Sink] = {frames.STDOUT: streams.stdout, frames.STDERR: streams.stderr}
        self._throttle = throttle
        self._failure: BaseException | None = None
        self._ended = threading.Event()
        self._output.hold()
        if streams.stdin is not None:
            self._input.hold()
            source = streams.stdin
            threading.Thread(target=self._write, args=(source,), name="podman-input", daemon=True).start()
        threading.Thread(target=self._read, name="podman-output", daemon=True).start()

    def join(self) -> None:
        self._ended.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self._output.end()
        self._input.end()

    def _read(self) -> None:
        try:
            for stream, block in frames.blocks(self._output.receive, self._first):
                if sink := self._sinks.get(stream):
                    sink(block)
        except BaseException as error:  # noqa: BLE001 (join raises it)
            self._failure = self._failure or error
        finally:
            self.close()
            self._output.let_go()
            self._ended.set()

    def _write(self, source: Source) -> None:
        # A buffered file's `read` would wait for a whole block; `read1` takes what is there.
        read: Callable[[int], bytes] = getattr(source, "read1", source.read)
        try:
            while block := read(BLOCK):
                view = memoryview(block)
                while view:
                    size = len(view) if self._throttle is None else self._throttle()
                    if not size or not self._input.send(view[:size]):
                        return  # the process ended, or nobody wants the streams any more
                    view = view[size:]
            self._input.end_input()
        except BaseException as error:  # noqa: BLE001 (join raises it)
            if not self._ended.is_set():
                self._failure = self._failure or error
                self.close()
        finally:
            self._input.let_go()


class _Connection:
    """A socket that two threads use; the last of them closes it, so that none uses a descriptor that is reused."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._lock = threading.Lock()
        self._users = 0

    def hold(self) -> None:
        with self._lock:
            self._users += 1

    def let_go(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._socket.close()

    def end(self) -> None:
        """Wake whoever uses it: nothing comes or goes any more."""
        self._shutdown(socket.SHUT_RDWR)

    def end_input(self) -> None:
        self._shutdown(socket.SHUT_WR)

    def receive(self) -> bytes:
        try:
            return self._socket.recv(BLOCK)
        except OSError:
            return b""

    def send(self, block: memoryview) -> bool:
        try:
            self._socket.sendall(block)
        except OSError:
            return False
        return True

    def _shutdown(self, how: int) -> None:
        with self._lock:
            if self._users:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(how)


class NoStreams(Attachment):
    """Streams that have ended, or never began."""

    def join(self) -> None:
        return

    def close(self) -> None:
        return
