"""The engine's raw objects of ``docker.run``: known keys are taken, others refused, all at once.

The engine itself drops an unknown key in silence. Source of the keys: Docker Engine API 1.41 to 1.47,
``ContainerCreate`` and ``ContainerExec``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from docker.utils import version_lt

from dagu.errors import RequestRefused


@dataclass(frozen=True)
class Shape:
    """The keys that an object may have; a value is the shape of what is inside, or None for anything.

    Attributes:
        each: The shape of every value of an object whose keys are free (ports, networks).
        since: Keys that the engine knows only from an API version on.
        until: Keys that it no longer knows from an API version on.
    """

    keys: Mapping[str, Shape | None]
    each: Shape | None = None
    since: Mapping[str, str] = field(default_factory=dict)
    until: Mapping[str, str] = field(default_factory=dict)


def _keys(text: str, **inside: Shape) -> Shape:
    """A shape of keys, each written as ``Name``, ``Name>=1.43`` or ``Name<1.42``."""
    since: dict[str, str] = {}
    until: dict[str, str] = {}
    keys: dict[str, Shape | None] = {}
    for entry in text.split():
        name, _, version = entry.partition(">=")
        if version:
            since[name] = version
        name, _, version = name.partition("<")
        if version:
            until[name] = version
        keys[name] = None
    return Shape(keys | inside, since=since, until=until)


_HEALTHCHECK = _keys("Test Interval Timeout StartPeriod StartInterval>=1.44 Retries")
_RATE = _keys("Path Rate")
_MOUNT = _keys(
    "Type Source Target ReadOnly Consistency",
    BindOptions=_keys(
        "Propagation NonRecursive CreateMountpoint>=1.42 ReadOnlyNonRecursive>=1.44 ReadOnlyForceRecursive>=1.44"
    ),
    VolumeOptions=_keys("NoCopy Labels Subpath>=1.45", DriverConfig=_keys("Name Options")),
    TmpfsOptions=_keys("SizeBytes Mode Options>=1.46"),
)
_CONTAINER = _keys(
    "Hostname Domainname User AttachStdin AttachStdout AttachStderr ExposedPorts Tty OpenStdin StdinOnce Env Cmd "
    "ArgsEscaped Image Volumes WorkingDir Entrypoint NetworkDisabled MacAddress OnBuild Labels StopSignal "
    "StopTimeout Shell",
    Healthcheck=_HEALTHCHECK,
)
_HOST = _keys(
    "CpuShares Memory CgroupParent BlkioWeight CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime "
    "CpusetCpus CpusetMems DeviceCgroupRules KernelMemory<1.42 KernelMemoryTCP<1.42 MemoryReservation MemorySwap "
    "MemorySwappiness NanoCpus OomKillDisable Init PidsLimit CpuCount CpuPercent IOMaximumIOps "
    "IOMaximumBandwidth Binds ContainerIDFile NetworkMode AutoRemove VolumeDriver VolumesFrom CapAdd CapDrop "
    "CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links OomScoreAdj PidMode "
    "Privileged PublishAllPorts ReadonlyRootfs SecurityOpt StorageOpt Tmpfs UTSMode UsernsMode ShmSize Sysctls "
    "Runtime ConsoleSize Isolation MaskedPaths ReadonlyPaths Annotations>=1.43",
    BlkioWeightDevice=_keys("Path Weight"),
    BlkioDeviceReadBps=_RATE,
    BlkioDeviceWriteBps=_RATE,
    BlkioDeviceReadIOps=_RATE,
    BlkioDeviceWriteIOps=_RATE,
    Devices=_keys("PathOnHost PathInContainer CgroupPermissions"),
    DeviceRequests=_keys("Driver Count DeviceIDs Capabilities Options"),
    Ulimits=_keys("Name Soft Hard"),
    LogConfig=_keys("Type Config"),
    PortBindings=Shape({}, each=_keys("HostIp HostPort")),
    RestartPolicy=_keys("Name MaximumRetryCount"),
    Mounts=_MOUNT,
)
_ENDPOINT = _keys(
    "Links Aliases NetworkID EndpointID Gateway IPAddress IPPrefixLen IPv6Gateway GlobalIPv6Address "
    "GlobalIPv6PrefixLen MacAddress>=1.44 DriverOpts",
    IPAMConfig=_keys("IPv4Address IPv6Address LinkLocalIPs"),
)
_NETWORK = _keys("", EndpointsConfig=Shape({}, each=_ENDPOINT))
# Of an exec, its streams, its argv and that it is waited for are the runtime's own business.
_EXEC = _keys("User Privileged Tty Env WorkingDir")


def container_fields(raw: Mapping[str, Any], api_version: str) -> dict[str, Any]:
    """The raw ``container`` object with the engine's own spelling of its keys.

    Raises:
        RequestRefused: It has keys that can't be honoured; the message lists all of them.
    """
    return _checked(raw, _CONTAINER, "container", api_version)


def host_fields(raw: Mapping[str, Any], api_version: str) -> dict[str, Any]:
    """The raw ``host`` object, as above."""
    return _checked(raw, _HOST, "host", api_version)


def network_fields(raw: Mapping[str, Any], api_version: str) -> dict[str, Any]:
    """The raw ``network`` object, as above."""
    return _checked(raw, _NETWORK, "network", api_version)


def exec_fields(raw: Mapping[str, Any], api_version: str) -> dict[str, Any]:
    """The raw ``exec`` object, as above."""
    return _checked(raw, _EXEC, "exec", api_version)


def _checked(raw: Mapping[str, Any], shape: Shape, place: str, api_version: str) -> dict[str, Any]:
    problems: list[str] = []
    checked = _match(raw, shape, place, api_version, problems)
    if problems:
        raise RequestRefused(
            f"Docker can't honour {', '.join(problems)}",
            hint="remove them, or correct them after the Docker Engine API's ContainerCreate and ContainerExec",
        )
    assert isinstance(checked, dict)
    return checked


def _match(value: Any, shape: Shape | None, place: str, version: str, problems: list[str]) -> Any:
    if shape is None:
        return value
    if isinstance(value, list | tuple):
        return [_match(item, shape, place, version, problems) for item in value]
    if not isinstance(value, Mapping):
        if value is not None:
            problems.append(f"{place} (an object is wanted)")
        return value
    if shape.each is not None:
        return {k: _match(v, shape.each, f"{place}.{k}", version, problems) for k, v in value.items()}
    known = {key.lower(): key for key in shape.keys}
    matched: dict[str, Any] = {}
    for written, inside in value.items():
        key = known.get(str(written).replace("_", "").lower())
        if key is None:
            problems.append(f"{place}.{written}")
        elif key in shape.since and version_lt(version, shape.since[key]):
            problems.append(f"{place}.{written} (needs API {shape.since[key]}, the engine speaks {version})")
        elif key in shape.until and not version_lt(version, shape.until[key]):
            problems.append(f"{place}.{written} (gone since API {shape.until[key]})")
        else:
            matched[key] = _match(inside, shape.keys[key], f"{place}.{written}", version, problems)
    return matched
