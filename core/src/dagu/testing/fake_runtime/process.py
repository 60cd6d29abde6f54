"""A process of this machine whose three streams are moved by threads."""

from __future__ import annotations

import fcntl
import os
import selectors
import signal as signals
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dagu.contracts.container import ExitStatus
from dagu.contracts.streams import BLOCK, Sink, Source, write_all
from dagu.errors import CommandForbidden, CommandNotFound


class HostProcess:
    """A started command. Output goes to the sinks until the command ended and its pipes are empty."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        directory: Path,
        stdin: Source | None,
        stdout: Sink,
        stderr: Sink,
        at_end: Callable[[], None],
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            self._process = subprocess.Popen(
                list(argv),
                env=dict(env),
                cwd=directory,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise _not_started(argv[0], error) from error
        self._sinks = {self._process.stdout: stdout, self._process.stderr: stderr}
        self._ended = os.pidfd_open(self._process.pid)
        self._done = threading.Event()
        self.failure: BaseException | None = None
        self._status: ExitStatus | None = None
        if stdin is not None:
            threading.Thread(target=self._feed, args=(stdin,), daemon=True).start()
        self._pump = threading.Thread(target=self._move, daemon=True)
        self._pump.start()
        threading.Thread(target=self._reap, args=(at_end,), daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id, 0 once it ended."""
        return self._process.pid if self._process.returncode is None else 0

    def wait(self, timeout: float | None = None) -> ExitStatus | None:
        """How it ended, once its output was delivered; None when that takes longer than ``timeout``."""
        self._done.wait(timeout)
        return self._status

    def signal(self, name: str) -> None:
        """Send a signal; ended is fine."""
        self._process.send_signal(number_of(name))

    def _reap(self, at_end: Callable[[], None]) -> None:
        code = self._process.wait()
        at_end()
        self._pump.join()
        self._status = ExitStatus(code=code if code >= 0 else 128 - code)
        self._done.set()

    def _move(self) -> None:
        """Read both pipes until they end, or until the process ended and they are empty."""
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
        if block and self.failure is None:
            try:
                sink(block)
            except Exception as error:  # noqa: BLE001 (whatever a sink raises is told by whoever waits)
                self.failure = error
        return bool(block)

    def _feed(self, source: Source) -> None:
        assert self._process.stdin is not None
        with self._process.stdin as pipe:
            try:
                while block := source.read(BLOCK):
                    write_all(pipe.fileno(), block)
            except BrokenPipeError:
                return  # the command does not want it


def _not_started(program: str, error: OSError) -> Exception:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return CommandNotFound(f"{program} is not there")
    return CommandForbidden(f"{program} may not be executed: {error.strerror}")


def number_of(name: str) -> int:
    """The number of a signal from its name, with or without ``SIG``."""
    return signals.Signals[name if name.startswith("SIG") else f"SIG{name}"].value
