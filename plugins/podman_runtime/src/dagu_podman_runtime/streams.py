"""Moves the bytes of a process between an upgraded connection and the sinks, on threads of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from dagu.contracts.runtime import Attachment
from dagu.contracts.streams import BLOCK, Sink, Source, Streams
from dagu_podman_runtime import frames


class Pump(Attachment):
    """The open streams of one process.

    Args:
        connection: Upgraded; the pump closes it.
        first: What of its output came already.
    """

    def __init__(self, connection: socket.socket, first: bytes, streams: Streams) -> None:
        self._connection = connection
        self._first = first
        self._sinks: dict[int, Sink] = {frames.STDOUT: streams.stdout, frames.STDERR: streams.stderr}
        self._failure: BaseException | None = None
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._users = 1 if streams.stdin is None else 2
        threading.Thread(target=self._read, name="podman-output", daemon=True).start()
        if streams.stdin is not None:
            source = streams.stdin
            threading.Thread(target=self._write, args=(source,), name="podman-input", daemon=True).start()

    def join(self) -> None:
        self._ended.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        # Wakes the threads; the last of them closes the descriptor, so that none uses one that is someone else's.
        with self._lock:
            if self._users:
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        try:
            for stream, block in frames.blocks(self._receive, self._first):
                if sink := self._sinks.get(stream):
                    sink(block)
        except BaseException as error:  # noqa: BLE001 (join raises it)
            self._fail(error)
        finally:
            self.close()
            self._let_go()
            self._ended.set()

    def _receive(self) -> bytes:
        try:
            return self._connection.recv(BLOCK)
        except OSError:
            return b""

    def _write(self, source: Source) -> None:
        # A buffered file's `read` would wait for a whole block; `read1` takes what is there.
        read: Callable[[int], bytes] = getattr(source, "read1", source.read)
        try:
            while block := read(BLOCK):
                try:
                    self._connection.sendall(block)
                except OSError:
                    return  # the process ended, or nobody wants the streams any more
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_WR)
        except BaseException as error:  # noqa: BLE001 (join raises it)
            if not self._ended.is_set():
                self._fail(error)
                self.close()
        finally:
            self._let_go()

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._failure = self._failure or error

    def _let_go(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._connection.close()


class NoStreams(Attachment):
    """Streams that have ended, or never began."""

    def join(self) -> None:
        return

    def close(self) -> None:
        return
