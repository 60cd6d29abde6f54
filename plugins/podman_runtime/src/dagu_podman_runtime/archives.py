"""Files in and out of containers as tar streams."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from dagu.contracts.layers import surely_absent
from dagu.contracts.streams import BLOCK, Sink
from dagu.errors import ContainerNotFound, EngineLost, RequestRefused, RuntimeFailure
from dagu_podman_runtime.connection import PATIENT, Connection, path_name

_END = bytes(1024)  # two empty blocks end a tar archive
_PAUSE = 0.05  # seconds
_SPECIAL = ("dev", "proc", "sys")
_INIT = "/run/podman-init"
_INITS = ("init", "systemd")
Description = Mapping[str, Any]


class Archives:
    """The files of one service's containers.

    Args:
        look: Podman's description of a container.
        remove: Removes a container.
    """

    def __init__(
        self, connection: Connection, look: Callable[[str], Description], remove: Callable[[str], None]
    ) -> None:
        self._connection = connection
        self._inspect = look
        self._remove = remove

    def put(self, container: str, path: str, archive: BinaryIO) -> None:
        """Unpack a tar stream below an existing directory; owners are kept.

        Raises:
            ContainerNotFound: The container is not there.
            FileNotFoundError: The directory is not.
            RequestRefused: It is in memory, and the container does not run.
        """
        _refuse_lost_memory(self._inspect(container), path)
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
            RequestRefused: The container does not run, and so a part of it can't be read.
        """
        found = self._inspect(container)
        _refuse_lost_memory(found, path)
        _refuse_split(found, path)
        if _surely_absent(found, path):
            raise FileNotFoundError(f"{path} is not in the container {container!r}")
        if not _on_a_mount(found, path):
            self._steadily(container, lambda: self._read(container, path, sink))
        elif found["State"].get("Running"):
            self._steadily(container, lambda: self._read(container, path, sink))
            if not self._inspect(container)["State"].get("Running"):
                raise RuntimeFailure(
                    f"the container {container!r} ended while {path} was read; read it again"
                )
        else:
            with self._stand_in(found) as other:
                self._read(other, path, sink)

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

    @contextlib.contextmanager
    def _stand_in(self, found: Description) -> Iterator[str]:
        """A running container with the mounts of one that does not run.

        Of those, Podman 4.3 reads the top folder under a wrong name, and leaves out what is called dev, proc or sys.
        """
        spec = {
            "image": found["Image"],
            "volumes_from": [found["Id"]],
            "labels": (found.get("Config") or {}).get("Labels") or {},
            "user": "0",
            "netns": {"nsmode": "none"},
            "log_configuration": {"driver": "none"},
            # Podman's init process is brought along, and can do nothing for as long as it is wanted.
            "init": True,
            "entrypoint": [""],
            "command": [_INIT, "-P"],
        }
        call = self._connection.call
        container = str(call("POST", "/containers/create", subject=str(found["Id"]), json=spec).json()["Id"])
        try:
            call("POST", f"/containers/{container}/start", subject=container, timeout=PATIENT)
            yield container
        finally:
            self._remove(container)


def _surely_absent(found: Description, path: str) -> bool:
    """Whether this machine's own view of the container's layers says so: Podman takes long to."""
    program = str(found.get("Path") or "").rpartition("/")[2]
    if program in _INITS or (found.get("Config") or {}).get("SystemdMode"):
        return False  # Podman mounts more than it tells
    in_memory = (found.get("HostConfig") or {}).get("Tmpfs") or {}
    mounted = [*map(str, _targets(found)), *in_memory]
    return surely_absent(path, found.get("GraphDriver") or {}, mounted)


def _on_a_mount(found: Description, path: str) -> bool:
    """Whether a path is a mount's own top, or below it at one of the names that Podman takes for special."""
    wanted = _clean(path)
    return any(
        wanted == target or any(wanted.is_relative_to(target / name) for name in _SPECIAL)
        for target in _targets(found)
    )


def _refuse_split(found: Description, path: str) -> None:
    if found["State"].get("Running"):
        return
    wanted = _clean(path)
    below = [str(target) for target in _targets(found) if target != wanted and target.is_relative_to(wanted)]
    if below:
        raise RequestRefused(
            f"{path} can't be read from the container {found['Id']!r}, which does not run:"
            f" Podman would leave out what is mounted at {', '.join(below)}",
            hint="read it while the container runs, or read each place by itself",
        )


def _refuse_lost_memory(found: Description, path: str) -> None:
    if found["State"].get("Running"):
        return
    for target in (found.get("HostConfig") or {}).get("Tmpfs") or {}:
        if _clean(path).is_relative_to(_clean(target)):
            raise RequestRefused(
                f"{path} is in memory, and the container {found['Id']!r} does not run",
                hint="use a directory that is no tmpfs, or copy while the container runs",
            )


def _targets(found: Description) -> list[PurePosixPath]:
    return [_clean(str(mount.get("Destination", ""))) for mount in found.get("Mounts") or ()]


def _clean(path: str) -> PurePosixPath:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return PurePosixPath("/", *parts)


class _Nothing(RuntimeFailure):
    """Not a byte of an archive came."""
