"""A container that somebody else made: commands are executed in it, and nothing of theirs stays there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import BytesIO

from dagu.contracts.container import ExecRequest, ExitStatus
from dagu.contracts.runtime import ContainerRuntime, Execution
from dagu.contracts.streams import Streams
from dagu.errors import CommandForbidden, CommandNotFound, ContainerNotFound, RequestRefused
from dagu.sandbox.command import Command
from dagu.sandbox.files import fetch, with_files
from dagu.sandbox.programs import SHELL
from dagu.sandbox.shared import SharedContainer

_ABSENT = 44
_TAKE = f'[ -f "$1" ] || exit {_ABSENT}; cat "$1" && rm -f "$1"'


class ExistingContainer(SharedContainer):
    """Commands in somebody else's container.

    Args:
        name: What its user calls it.
        closed: Called when no command of ours is in it any more.
    """

    def __init__(
        self,
        runtime: ContainerRuntime,
        container: str,
        *,
        name: str,
        user: str = "",
        closed: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(runtime, container, image=f"container {name}", user=user)
        self._closed = closed
        self._lock = threading.Lock()
        self._litter: set[str] = set()

    def start(self, command: Command, streams: Streams) -> Execution:
        ready, folder = with_files(command, clean_up=True, temporary=self.temporary)
        made = {folder, command.env.get("DAGU_OUTPUT_FILE", "")} - {""}
        with self._lock:
            self._litter |= made
        return _Tidy(super().start(ready, streams), lambda: self.gone(folder))

    def read_file(self, path: str) -> bytes | None:
        with self._lock:
            self._litter.discard(path)
        try:
            content = fetch(self._runtime, self._container, path)
        except RequestRefused:  # the engine can't look into a tmpfs; a process can
            return self._taken(path)
        if content is not None:
            self._run("rm", "-f", path)
        return content

    def close(self) -> None:
        with self._lock:
            litter, self._litter = self._litter, set()
        try:
            if litter:
                self._run(SHELL, "-c", 'rm -rf "$@"', SHELL, *litter)
        finally:
            self._closed()

    def gone(self, path: str) -> None:
        """A command cleared up after itself."""
        with self._lock:
            self._litter.discard(path)

    def _taken(self, path: str) -> bytes | None:
        status, content = self._run(SHELL, "-c", _TAKE, SHELL, path)
        return content if status.code == 0 else None

    def _run(self, *argv: str) -> tuple[ExitStatus, bytes]:
        output = BytesIO()
        request = ExecRequest(argv=argv, user=self._user)
        try:
            execution = self._runtime.exec(self._container, request, Streams(stdout=output.write))
            return execution.wait(), output.getvalue()
        except (CommandNotFound, CommandForbidden, ContainerNotFound) as error:
            return ExitStatus(code=127, error=error.message), b""


class _Tidy(Execution):
    """An exec whose files are its own business unless it was ended."""

    def __init__(self, execution: Execution, tidy: Callable[[], object]) -> None:
        self._execution = execution
        self._tidy = tidy
        self._ended = False

    def wait(self) -> ExitStatus:
        status = self._execution.wait()
        if not self._ended:
            self._tidy()
        return status

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        self._ended = True
        self._execution.end(signal=signal, grace=grace)
