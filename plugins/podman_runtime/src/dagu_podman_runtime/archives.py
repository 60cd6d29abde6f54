"""Files in and out of containers as tar streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from dagu.contracts.streams import BLOCK, Sink
from dagu.errors import ContainerNotFound, EngineLost, RequestRefused, RuntimeFailure
from dagu_podman_runtime.connection import PATIENT, Connection, path_name

_END = bytes(1024)  # two empty blocks end a tar archive
_PAUSE = 0.05  # seconds


class Archives:
    """The files of one service's containers.

    Args:
        look: Podman's description of a container.
    """

    def __init__(self, connection: Connection, look: Callable[[str], Mapping[str, Any]]) -> None:
        self._connection = connection
        self._inspect = look

    def put(self, container: str, path: str, archive: BinaryIO) -> None:
        """Unpack a tar stream below an existing directory; owners are kept.

        Raises:
            ContainerNotFound: The container is not there.
            FileNotFoundError: The directory is not.
        """
        # Else Podman would make the directory, or take the name of the last part for a new one.
        self._steadily(container, lambda: self._find(container, path))
        # With `copyUIDGID` Podman gives everything to the container's user, whatever the name says.
        params = {"path": path, "copyUIDGID": False, "noOverwriteDirNonDir": False}
        try:
            self._connection.call(
                "PUT",
                f"/containers/{path_name(container)}/archive",
                subject=container,
                params=params,
                data=iter(lambda: archive.read(BLOCK), b""),
                headers={"Content-Type": "application/x-tar"},
                timeout=PATIENT,
            )
        except EngineLost as error:
            # Podman closes the connection when it can't go on, and its answer is lost with it.
            self._connection.call("GET", "/_ping")
            raise RequestRefused(
                f"Podman gave up unpacking an archive at {path} in the container {container!r}",
                hint="look for space on its disk, for what is mounted there, and at the archive itself",
            ) from error

    def get(self, container: str, path: str, sink: Sink) -> None:
        """Stream a path out. Everything in it belongs to the container's user: Podman says so of all it archives.

        Raises:
            ContainerNotFound: The container is not there.
            FileNotFoundError: The path is not.
        """
        self._steadily(container, lambda: self._read(container, path, sink))

    def _read(self, container: str, path: str, sink: Sink) -> None:
        self._find(container, path)
        answer = self._connection.call(
            "GET",
            f"/containers/{path_name(container)}/archive",
            subject=container,
            params={"path": path},
            timeout=PATIENT,
            stream=True,
        )
        tail, size = b"", 0
        try:
            while block := self._connection.read(answer):
                size += len(block)
                tail = (tail + block)[-len(_END) :]
                sink(block)
        finally:
            answer.close()
        if tail != _END:
            # Podman notes an error in its own log, and ends the answer as if all were well.
            message = f"the archive of {path} from the container {container!r} ended early"
            raise RuntimeFailure(message) if size else _Nothing(message)

    def _steadily(self, container: str, action: Callable[[], None]) -> None:
        """Do something that goes wrong when the container ends, or starts again, in the middle of it.

        Podman reads through the mounts of the container's process. What it says when that is gone is believed only
        if the container is in the same state before and after.
        """
        before: object = None
        while True:
            try:
                return action()
            except (FileNotFoundError, RequestRefused, _Nothing):
                state = self._inspect(container)["State"]
                now = (state.get("Status"), state.get("Pid"), state.get("StartedAt"))
                if now == before:
                    raise
                before = now
            time.sleep(_PAUSE)

    def _find(self, container: str, path: str) -> None:
        try:
            self._connection.call(
                "HEAD",
                f"/containers/{path_name(container)}/archive",
                subject=container,
                params={"path": path},
            )
        except (RequestRefused, ContainerNotFound) as error:
            # The answer to HEAD has no words: ask which of the two it is.
            self._connection.call("GET", f"/containers/{path_name(container)}/exists", subject=container)
            raise FileNotFoundError(f"{path} is not in the container {container!r}") from error


class _Nothing(RuntimeFailure):
    """Not a byte of an archive came."""
