"""A process whose standard streams are moved by threads."""

from __future__ import annotations

import fcntl
import os
import selectors
import subprocess
import threading
from collections.abc import Sequence

from dagu.contracts.streams import BLOCK, Sink, Source, write_all


class Pumped:
    """A program of this machine, started with a clean environment and a session of its own.

    Args:
        descriptors: Open descriptors that it inherits.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        stdin: Source | None,
        stdout: Sink,
        stderr: Sink,
        descriptors: Sequence[int],
    ) -> None:
        self.process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            pass_fds=tuple(descriptors),
            start_new_session=True,
            bufsize=0,
        )
        self._sinks = {self.process.stdout: stdout, self.process.stderr: stderr}
        self._ended = os.pidfd_open(self.process.pid)
        self._failure: Exception | None = None
        if stdin is not None:
            threading.Thread(target=self._feed, args=(stdin,), name="bubblewrap-stdin", daemon=True).start()
        self._mover = threading.Thread(target=self._move, name="bubblewrap-streams", daemon=True)
        self._mover.start()

    def wait(self) -> int:
        """Block until it ended and its output was delivered; the exit code, 128 + N after signal N.

        Raises:
            Exception: Whatever a sink raised.
        """
        code = self.process.wait()
        self._mover.join()
        if self._failure is not None:
            raise self._failure
        return code if code >= 0 else 128 - code

    def _move(self) -> None:
        """Read both pipes to their ends; or to what is in them now, once the program ended.

        A process that the program left behind may hold a pipe for ever.
        """
        with selectors.DefaultSelector() as selector:
            for pipe in self._sinks:
                assert pipe is not None
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            selector.register(self._ended, selectors.EVENT_READ)
            while len(selector.get_map()) > 1:
                ready = {key.fd for key, _ in selector.select()}
                over = self._ended in ready
                for key in list(selector.get_map().values()):
                    if key.fd == self._ended or not (over or key.fd in ready):
                        continue
                    if not self._deliver(key.fd, self._sinks[key.fileobj]):  # type: ignore[index]
                        selector.unregister(key.fileobj)
                if over:
                    break
        os.close(self._ended)
        for pipe in self._sinks:
            assert pipe is not None
            pipe.close()

    def _deliver(self, descriptor: int, sink: Sink) -> bool:
        try:
            # All that a pipe can hold: once the program ended, one such block is everything of it.
            block = os.read(descriptor, fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ))
        except BlockingIOError:
            return True
        if block and self._failure is None:
            try:
                sink(block)
            except Exception as error:  # noqa: BLE001 (whatever a sink raises is told by wait)
                self._failure = error
        return bool(block)

    def _feed(self, source: Source) -> None:
        assert self.process.stdin is not None
        with self.process.stdin as pipe:
            try:
                while block := source.read(BLOCK):
                    write_all(pipe.fileno(), block)
            except BrokenPipeError:
                return  # the program does not want it


def in_memory(content: bytes) -> int:
    """A descriptor to read the content from: no limit as a pipe has, no file that others can see."""
    descriptor = os.memfd_create("dagu-bubblewrap")
    write_all(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
