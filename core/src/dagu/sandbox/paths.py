"""From a path of this process to the same place on the engine's machine.

With the engine's socket mounted into the runner's own container, a bind source is a path on the host. The runner
finds out that it is contained, reads its own mounts from the engine, and translates what lies under one of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath

from dagu.contracts.container import Mount, MountType
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import ContainerNotFound, RequestRefused

_MOUNTINFO = "/proc/self/mountinfo"
_ID = re.compile(r"[0-9a-f]{64}")
_CGROUP = re.compile(r"/(?:docker-|libpod-)?([0-9a-f]{64})(?:\.scope)?$", re.MULTILINE)
_FILES = {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}
"""What an engine mounts into every container, from a directory that is named after it."""


class HostPaths:
    """Translates bind sources for one runtime. The engine is asked once, when the first source comes."""

    def __init__(self, runtime: ContainerRuntime) -> None:
        self._runtime = runtime
        self._mounts: Sequence[Mount] | None = None
        self._asked = False

    def translate(self, source: str) -> str:
        """The path on the engine's machine.

        Raises:
            RequestRefused: There is none: the engine is elsewhere, or no mount covers the path.
        """
        if not self._asked:
            self._mounts = self._own_mounts()
            self._asked = True
        if self._mounts is not None:
            return through(self._mounts, source, mount_points(_read(_MOUNTINFO)))
        info = self._runtime.check()
        if not info.shares_filesystem:
            raise RequestRefused(
                f"{source} can't be mounted: the {info.name} engine at {info.endpoint} does not share this "
                "machine's file system",
                hint="set `workspace: copy` in `container`, or use a named volume",
            )
        if own_container_ids():
            raise RequestRefused(
                f"{source} can't be mounted: dagu runs in a container, and the {info.name} engine at {info.endpoint} "
                "does not know that container, so where its paths are on the engine's machine can't be told",
                hint="set `workspace: copy` in `container`, or use a named volume",
            )
        return source

    def _own_mounts(self) -> Sequence[Mount] | None:
        for candidate in own_container_ids():
            try:
                return self._runtime.inspect(candidate).mounts
            except ContainerNotFound:
                continue
        return None


def through(mounts: Sequence[Mount], source: str, points: Sequence[str] = ()) -> str:
    """The path on the engine's machine.

    Args:
        mounts: Of the own container, as the engine tells them.
        points: Everything that is mounted in it, which may be more: Podman tells of no tmpfs.

    Raises:
        RequestRefused: There is none.
    """
    path = PurePosixPath(os.path.normpath(source))
    covering = [mount for mount in mounts if path.is_relative_to(mount.target)]
    best = max(covering, key=lambda mount: len(mount.target), default=None)
    deepest = max((point for point in points if path.is_relative_to(point)), key=len, default="/")
    if deepest != "/" and (best is None or len(deepest) > len(best.target)):
        best = Mount(type=MountType.TMPFS, target=deepest)
    if best is None:
        raise RequestRefused(
            f"{source} can't be mounted: dagu runs in a container, and none of its mounts covers that path",
            hint=f"mount it into dagu's container as well, at {source}",
        )
    if best.type is MountType.TMPFS or not best.source:
        raise RequestRefused(
            f"{source} can't be mounted: it lies on {best.target}, which only dagu's own container has",
            hint="use a directory of the host that is mounted into dagu's container",
        )
    return str(PurePosixPath(best.source) / path.relative_to(best.target))


@cache
def own_container_ids() -> tuple[str, ...]:
    """What this process' own container may be called; empty where it is in none.

    Source: the engine mounts ``/etc/hostname`` and others from a directory of the container's id, which stands in
    ``/proc/self/mountinfo`` (proc(5)); the container's cgroup is named after it too; and Podman writes it into
    ``/run/.containerenv`` of privileged containers.
    """
    return container_ids(
        mountinfo=_read(_MOUNTINFO),
        cgroup=_read("/proc/self/cgroup"),
        containerenv=_read("/run/.containerenv"),
    )


def mount_points(mountinfo: str) -> list[str]:
    """Where something is mounted; what proc(5) escapes is written out."""
    fields = (line.split() for line in mountinfo.splitlines())
    return [
        re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), each[4])
        for each in fields
        if len(each) > 4
    ]


def container_ids(*, mountinfo: str, cgroup: str, containerenv: str) -> tuple[str, ...]:
    """The ids that those files name, the surest first."""
    found = list(_ID.findall(containerenv))
    for line in mountinfo.splitlines():
        fields = line.split()
        if len(fields) > 4 and fields[4] in _FILES:
            found += _ID.findall(fields[3])
    found += _CGROUP.findall(cgroup)
    return tuple(dict.fromkeys(found))


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
