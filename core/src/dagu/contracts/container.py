"""What core asks of a container, and what a container tells: frozen values, no behaviour."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any

from dagu.frozen import dataclass

EMPTY: Mapping[str, Any] = MappingProxyType({})


class MountType(enum.Enum):
    """Kinds of mount."""

    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"


@dataclass(frozen=True, kw_only=True)
class Mount:
    """One mount.

    Attributes:
        source: Absolute path on the engine's machine (bind), volume name (volume), or empty (tmpfs; or an
            anonymous volume, which goes with its container).
        target: Absolute path in the container.
        empty: A new volume starts empty, whatever the image has at its target.
        size: Bytes of a tmpfs; None leaves it to the engine.
        mode: Permission bits of a tmpfs' root; None leaves it to the engine.
    """

    type: MountType
    source: str = ""
    target: str
    read_only: bool = False
    empty: bool = False
    size: int | None = None
    mode: int | None = None


@dataclass(frozen=True, kw_only=True)
class Port:
    """One published port. ``host_port`` None lets the engine choose; ``host_ip`` empty is every address."""

    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int | None = None


@dataclass(frozen=True, kw_only=True)
class Healthcheck:
    """A health check. Times are seconds; None leaves a value to the engine.

    Attributes:
        test: ``("NONE",)``, ``("CMD", program, argument, …)`` or ``("CMD-SHELL", text)``.
    """

    test: tuple[str, ...]
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    retries: int | None = None


@dataclass(frozen=True, kw_only=True)
class ContainerRequest:
    """Everything about a container to create. None or empty means: as the image or the engine has it.

    Attributes:
        entrypoint: None keeps the image's; ``()`` clears it.
        command: None keeps the image's command; with a cleared entry point this is the whole argv.
        network: ``bridge``, ``host``, ``none``, ``container:NAME`` or the name of a network.
        stdin: Keep standard input open for one attached client; its end is the process' end of file.
        cpus: Number of CPUs, may be fractional.
        memory: Bytes. Swap is never allowed beyond it.
        shm_size: Bytes.
        gpus: ``all`` or a count or comma-separated device ids, as text.
        devices: ``host[:container[:permissions]]``.
        security_opt: As the engine's command line takes them (``no-new-privileges``, ``seccomp=…``).
        extra_hosts: Host name to address.
        restart_policy: ``no``, ``always`` or ``unless-stopped``.
        auto_remove: The engine removes the container by itself once it ended.
        keep_output: The engine keeps the container's output for ``logs``; False is faster where output is
            attached anyway.
        raw_container: Raw engine fields of ``docker.run``; with ``raw_host`` and ``raw_network``, they need
            ``Capability.RAW_OPTIONS``, and a key the runtime can't honour raises ``RequestRefused``.
    """

    image: str
    name: str = ""
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    working_dir: str = ""
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    mounts: tuple[Mount, ...] = ()
    ports: tuple[Port, ...] = ()
    network: str = ""
    hostname: str = ""
    platform: str = ""
    stdin: bool = False
    init: bool = False
    healthcheck: Healthcheck | None = None
    restart_policy: str = ""
    stop_signal: str = ""
    cpus: float | None = None
    memory: int | None = None
    pids_limit: int | None = None
    shm_size: int | None = None
    gpus: str = ""
    devices: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    privileged: bool = False
    read_only: bool = False
    extra_hosts: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    dns: tuple[str, ...] = ()
    auto_remove: bool = False
    keep_output: bool = True
    raw_container: Mapping[str, Any] = field(default_factory=lambda: EMPTY, repr=False)
    raw_host: Mapping[str, Any] = field(default_factory=lambda: EMPTY, repr=False)
    raw_network: Mapping[str, Any] = field(default_factory=lambda: EMPTY, repr=False)


@dataclass(frozen=True, kw_only=True)
class ExecRequest:
    """A command to execute in a running container. Empty means: as the container has it.

    ``env`` adds to the container's. ``raw`` holds raw engine fields of ``docker.run`` (``exec:``).
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    working_dir: str = ""
    user: str = ""
    raw: Mapping[str, Any] = field(default_factory=lambda: EMPTY, repr=False)


class ContainerStatus(enum.Enum):
    """Where a container is in its life."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"


class Health(enum.Enum):
    """What the health check says. NONE: there is no check."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, kw_only=True)
class ExitStatus:
    """How a process ended.

    Attributes:
        code: 0 to 255. A process killed by signal N has 128 + N.
        oom_killed: The kernel killed it, or a child of it, for the container's memory limit.
        error: What the engine said about it, empty when nothing.
    """

    code: int
    oom_killed: bool = False
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class ContainerState:
    """What the engine knows of a container now.

    Attributes:
        exit: Only when it ended.
        started_at: Seconds since the epoch; None if it never started.
        mounts: As the engine resolved them, ``source`` on the engine's machine.
        gateways: Network name to the address of the machine on it; empty without networks.
        pid: Process id of the main process in the engine's machine, 0 when unknown or not running.
    """

    id: str
    name: str
    image: str
    status: ContainerStatus
    health: Health = Health.NONE
    exit: ExitStatus | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    started_at: float | None = None
    finished_at: float | None = None
    mounts: tuple[Mount, ...] = ()
    gateways: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    pid: int = 0

    @property
    def running(self) -> bool:
        """Whether commands can be executed in it now."""
        return self.status is ContainerStatus.RUNNING


@dataclass(frozen=True, kw_only=True)
class ImageInfo:
    """What an image says of itself. ``platform`` is ``os/architecture[/variant]``; ``size`` is bytes."""

    id: str
    digests: tuple[str, ...] = ()
    platform: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    working_dir: str = ""
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    has_healthcheck: bool = False
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class NamedObject:
    """A network or volume that the engine holds.

    Attributes:
        created_at: Seconds since the epoch, 0 if unknown.
        gateway: Of a network: the address of the engine's machine on it; empty where there is none.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    created_at: float = 0.0
    gateway: str = ""
