"""What kind of Podman this is, and what it can therefore do."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagu.contracts.capability import Capability
from dagu.contracts.runtime import RuntimeInfo

NAME = "podman"
_LIMITS = {
    Capability.CPU_LIMIT: "cpu",
    Capability.MEMORY_LIMIT: "memory",
    Capability.PIDS_LIMIT: "pids",
}
_DIFFERENCES = {
    "test_owners_stay": (
        "they do, as test_archives.py proves; the archive that Podman makes for reading says of everything that it"
        " belongs to the container's user"
    ),
}
_ROOTLESS = {
    "test_inspect_tells_the_gateway_of_a_network": (
        "a rootless network is in a namespace of Podman's own: its gateway is no address of the machine, and not told"
    ),
}
_MEMORY_EVENTS = "/sys/fs/cgroup/memory/cgroup.event_control"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the service tells of itself, and what was found out about it.

    Attributes:
        sees_oom: This process can watch a container's cgroup, where Podman does not tell that memory ran out.
        shares_filesystem: A path of this process means the same to the service.
        swap: The machine has swap.
    """

    version: str
    rootless: bool
    cgroup_v2: bool
    controllers: frozenset[str]
    platform: str
    selinux: bool
    swap: bool
    shares_filesystem: bool
    sees_oom: bool

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Everything but the limits that would be ignored, or ignored in silence."""
        return frozenset(Capability) - self.ignored_limits

    @property
    def ignored_limits(self) -> frozenset[Capability]:
        """Limits that this service takes and then does not keep, or does not tell about."""
        if self.rootless and not self.cgroup_v2:
            return frozenset(_LIMITS)
        ignored = {limit for limit, controller in _LIMITS.items() if controller not in self.controllers}
        if not self.cgroup_v2 and not self.sees_oom:
            ignored.add(Capability.MEMORY_LIMIT)
        return frozenset(ignored)

    def info(self, endpoint: str, source: str) -> RuntimeInfo:
        """The contract's view."""
        return RuntimeInfo(
            name=NAME,
            version=self.version,
            endpoint=endpoint,
            endpoint_source=source,
            rootless=self.rootless,
            shares_filesystem=self.shares_filesystem,
            capabilities=self.capabilities,
            platform=self.platform,
            warnings=tuple(self._warnings(endpoint)),
            known_differences=_DIFFERENCES | _ROOTLESS if self.rootless else _DIFFERENCES,
        )

    def _warnings(self, endpoint: str) -> list[str]:
        told = []
        if endpoint.startswith("tcp://"):
            told.append("Plain TCP is not encrypted and does not ask who comes: use ssh instead.")
        if self.rootless and not self.cgroup_v2:
            told.append(
                "Rootless Podman ignores CPU, memory and process limits on cgroup v1, so they are refused."
            )
        elif ignored := self.ignored_limits - {Capability.MEMORY_LIMIT}:
            names = ", ".join(sorted(limit.value for limit in ignored))
            told.append(f"This Podman may not use the cgroup controllers of {names}, so these are refused.")
        elif Capability.MEMORY_LIMIT in self.ignored_limits:
            told.append(
                "Podman on cgroup v1 does not tell that memory ran out, so memory limits are refused."
            )
        return told


def learn(found: Mapping[str, Any], socket_path: str) -> Facts:
    """Read the answer of ``/info``.

    Args:
        socket_path: Of the service, empty for one that is not local.
    """
    host = found["host"]
    security = host.get("security") or {}
    version = found.get("version") or {}
    shares = bool(socket_path) and same_root(socket_path)
    architecture = version.get("OsArch") or f"{host.get('os')}/{host.get('arch')}"
    return Facts(
        version=str(version.get("Version", "")),
        rootless=bool(security.get("rootless")),
        cgroup_v2=str(host.get("cgroupVersion")) == "v2",
        controllers=frozenset(host.get("cgroupControllers") or ()),
        platform=str(architecture),
        selinux=bool(security.get("selinuxEnabled")),
        swap=bool(host.get("swapTotal")),
        shares_filesystem=shares,
        sees_oom=shares and os.access(_MEMORY_EVENTS, os.W_OK),
    )


def same_root(socket_path: str) -> bool:
    """Whether the process that listens on a socket has the same root directory as this one.

    A runner in a container with the socket mounted does not; it can't see the listener at all.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(socket_path)
        except OSError:
            return False
        size = struct.calcsize("3i")
        pid, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if not pid:
        return False
    try:
        theirs, ours = os.stat(f"/proc/{pid}/root/"), os.stat("/")
    except PermissionError:
        # Another user's process, seen in the same process table: not one of another container.
        return not any(os.path.exists(mark) for mark in ("/run/.containerenv", "/.dockerenv"))
    except OSError:
        return False
    return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)
