"""A step's container that an earlier runner started: its output from the first byte, and how it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from dagu.contracts.container import ExitStatus
from dagu.contracts.runtime import ContainerRuntime, Execution
from dagu.contracts.streams import Streams
from dagu.errors import CommandNotFound
from dagu.sandbox.command import Command
from dagu.sandbox.files import fetch
from dagu.sandbox.init_words import InitWords
from dagu.sandbox.place import Place
from dagu.sandbox.programs import missing


class Taken:
    """A container to be removed once it is no longer needed."""

    def __init__(self, container: str) -> None:
        self.id = container

    def release(self) -> None:
        """It needs nothing beside itself."""


class TakenContainer(Place):
    """The container of one command that runs already, or ran.

    Args:
        init: It was given an init process.
        image: For messages.
        discard: Called once it is no longer needed.
    """

    kind = "container"
    contained = True

    def __init__(
        self,
        runtime: ContainerRuntime,
        container: str,
        *,
        image: str,
        init: bool,
        discard: Callable[[Taken], None],
    ) -> None:
        self._runtime = runtime
        self._container = container
        self._image = image
        self._init = init
        self._discard = discard

    def start(self, command: Command, streams: Streams) -> Execution:
        """Go on with the command; it is the same as it was."""
        program = str(command.argv[0]) if command.argv else self._image
        return _Going(self._runtime, self._container, streams, program, self._image, init=self._init)

    def read_file(self, path: str) -> bytes | None:
        return fetch(self._runtime, self._container, path)

    def close(self) -> None:
        self._discard(Taken(self._container))


class _Going(Execution):
    def __init__(
        self,
        runtime: ContainerRuntime,
        container: str,
        streams: Streams,
        program: str,
        image: str,
        *,
        init: bool,
    ) -> None:
        self._runtime = runtime
        self._container = container
        self._program = program
        self._image = image
        self._words = InitWords(streams.stderr) if init else None
        self._streams = streams if self._words is None else replace(streams, stderr=self._words)

    def wait(self) -> ExitStatus:
        try:
            self._runtime.logs(
                self._container, stdout=self._streams.stdout, stderr=self._streams.stderr, follow=True
            )
        except BaseException:
            # Nobody reads it any more, and it is not to run unseen.
            with contextlib.suppress(Exception):
                self._runtime.kill(self._container)
            raise
        status = self._runtime.wait(self._container)
        if self._words is not None:
            try:
                self._words.judge(status, self._program)
            except CommandNotFound as error:
                raise missing(error, (self._program,), self._image) from error
        return status

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        self._runtime.stop(self._container, signal=signal, grace=grace)
