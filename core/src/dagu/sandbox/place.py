"""Where a command runs: the one face that the host, a shared container and a container of its own have."""

from __future__ import annotations

from abc import ABC, abstractmethod

from dagu.contracts.runtime import Execution
from dagu.contracts.streams import Streams
from dagu.sandbox.command import Command


class Place(ABC):
    """Runs commands. Safe from several threads.

    Attributes:
        kind: For history: ``host``, ``shared container`` or ``container``.
        contained: Commands see a container's file system and none of the runner's environment.
    """

    kind: str
    contained: bool

    @abstractmethod
    def start(self, command: Command, streams: Streams) -> Execution:
        """Start a command. Its output goes to the sinks, from other threads.

        Raises:
            RuntimeFailure: The container could not be had, or the engine failed.
            CommandNotFound: The program is not there.
            CommandForbidden: The program may not be executed.
        """

    def read_file(self, path: str) -> bytes | None:
        """Content of a file that a command left behind, None if it is not there."""
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027 (the host has nothing to give back)
        """Give back what the place holds. Called once, when no command runs in it any more."""
