"""The standard streams of a process of this machine, served by one thread that waits for all of them at once."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable

from dagu.contracts.streams import BLOCK, Sink, Streams

_LINGER = 0.5
"""Seconds that a process' output may stay open after its end before what holds it is killed."""


class Pipes:
    """Moves what a process prints to its sinks, and its input to it.

    Args:
        stdin: All that it gets; None if it has no such pipe.
        kill: Ends the process and everything that it started.

    Attributes:
        failure: What a sink raised.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        streams: Streams,
        stdin: bytes | None,
        kill: Callable[[], object],
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.failure: BaseException | None = None
        self._process = process
        self._kill = kill
        self._sinks: dict[int, Sink] = {
            process.stdout.fileno(): streams.stdout,
            process.stderr.fileno(): streams.stderr,
        }
        self._input = None if process.stdin is None else process.stdin.fileno()
        self._left = memoryview(stdin or b"")
        self._serving = threading.Lock()

    def serve(self) -> None:
        """Block until the process ended and every stream is at its end. Who comes second waits for the first."""
        with self._serving:
            try:
                self._serve()
            finally:
                for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                    if pipe is not None:
                        pipe.close()
            self._process.wait()

    def _serve(self) -> None:
        if not self._sinks:
            return  # served already
        waiting = select.poll()
        for descriptor in self._sinks:
            waiting.register(descriptor, select.POLLIN)
        if self._input is not None:
            os.set_blocking(self._input, False)
            waiting.register(self._input, select.POLLOUT)
        ended = _ended(self._process)
        waiting.register(ended, select.POLLIN)
        running, deadline = True, None
        try:
            while self._sinks or (self._input is not None and running):
                ready = waiting.poll(
                    None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
                )
                if not ready:
                    # What the command left in the background holds its output. Nothing outlives its step.
                    self._kill()
                    deadline = None
                for descriptor, _ in ready:
                    if descriptor == ended:
                        running, deadline = False, time.monotonic() + _LINGER
                        waiting.unregister(ended)
                    elif not self._move(descriptor):
                        waiting.unregister(descriptor)
        finally:
            os.close(ended)

    def _move(self, descriptor: int) -> bool:
        """Move a block; False once the stream is at its end."""
        sink = self._sinks.get(descriptor)
        if sink is None:
            return self._feed(descriptor)
        block = os.read(descriptor, BLOCK)
        if block and self.failure is None:
            try:
                sink(block)
            except Exception as error:  # noqa: BLE001 (it reaches the caller from wait)
                self.failure = error
                self._kill()
        if not block:
            del self._sinks[descriptor]
        return bool(block)

    def _feed(self, descriptor: int) -> bool:
        try:
            self._left = self._left[os.write(descriptor, self._left[:BLOCK]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            # A program that does not read its input to the end is not at fault.
            self._left = self._left[:0]
        if self._left:
            return True
        self._input = None
        assert self._process.stdin is not None
        self._process.stdin.close()
        return False


def _ended(process: subprocess.Popen[bytes]) -> int:
    """A descriptor that is readable once the process ended, which is not waited for yet."""
    with contextlib.suppress(AttributeError, OSError):  # not on Linux, or forbidden
        return os.pidfd_open(process.pid)
    reading, writing = os.pipe()

    def wait() -> None:
        process.wait()
        os.close(writing)

    threading.Thread(target=wait, daemon=True).start()
    return reading
