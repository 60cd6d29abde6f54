"""Files in and out of containers as tar streams."""

from __future__ import annotations

from typing import BinaryIO

from dagu.contracts.streams import BLOCK, Sink
from dagu.errors import ContainerNotFound, EngineLost, RequestRefused
from dagu_podman_runtime.connection import PATIENT, Connection, path_name

_END = bytes(1024)  # two empty blocks end a tar archive


class Archives:
    """The files of one service's containers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, container: str, path: str, archive: BinaryIO) -> None:
        """Unpack a tar stream below an existing directory; owners are kept.

        Raises:
            ContainerNotFound: The container is not there.
            FileNotFoundError: The directory is not.
        """
        # Else Podman would make the directory, or take the name of the last part for a new one.
        self._look(container, path)
        # With `copyUIDGID` Podman gives everything to the container's user, whatever the name says.
        params = {"path": path, "copyUIDGID": False, "noOverwriteDirNonDir": False}
        self._connection.call(
            "PUT",
            f"/containers/{path_name(container)}/archive",
            subject=container,
            params=params,
            data=iter(lambda: archive.read(BLOCK), b""),
            headers={"Content-Type": "application/x-tar"},
            timeout=PATIENT,
        )

    def get(self, container: str, path: str, sink: Sink) -> None:
        """Stream a path out.

        Raises:
            ContainerNotFound: The container is not there.
            FileNotFoundError: The path is not.
        """
        self._look(container, path)
        answer = self._connection.call(
            "GET",
            f"/containers/{path_name(container)}/archive",
            subject=container,
            params={"path": path},
            timeout=PATIENT,
            stream=True,
        )
        tail = b""
        try:
            while block := self._connection.read(answer):
                sink(block)
                tail = (tail + block)[-len(_END) :]
        finally:
            answer.close()
        if tail != _END:
            # Podman notes an error in its own log, and ends the answer as if all were well.
            raise EngineLost(f"the archive of {path} from {container!r} ended early")

    def _look(self, container: str, path: str) -> None:
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
