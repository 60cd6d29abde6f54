"""From a container request to libpod's description of a container, the ``SpecGenerator``. Pure.

Source: ``pkg/specgen/specgen.go`` of Podman 4.3 and 5. Unknown keys are dropped there in silence, which is why
each one here is proved on a real engine.
"""

from __future__ import annotations

import ipaddress
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from dagu.contracts.container import ContainerRequest, Healthcheck, Mount, MountType, Port
from dagu.errors import RequestRefused
from dagu_podman_runtime import security

Spec = dict[str, Any]
_NANO = 1_000_000_000
_CPU_PERIOD = 100_000  # microseconds
# What Docker takes where neither the request nor the image says anything. Podman would take zeros.
_HEALTH = {"Interval": 30 * _NANO, "Timeout": 30 * _NANO, "StartPeriod": 0, "Retries": 3}
HOST_GATEWAY = "host-gateway"


def specification(request: ContainerRequest, image: Mapping[str, Any]) -> Spec:
    """Describe a container.

    Args:
        image: Podman's description of the image, with the ``FoundName`` that it was found by.

    Raises:
        RequestRefused: A field holds what can't be honoured.
    """
    spec: Spec = {
        "image": image["FoundName"],
        "env": dict(request.env),
        "labels": dict(request.labels),
        "init": request.init,
        "stdin": request.stdin,
        "remove": request.auto_remove,
        "privileged": request.privileged,
        "create_working_dir": True,
        "read_only_filesystem": request.read_only,
        "read_write_tmpfs": False,
        "log_configuration": {"driver": "k8s-file" if request.keep_output else "none"},
        # Otherwise a command by the name of an init system changes mounts and the stop signal.
        "systemd": "false",
    }
    spec |= _command(request, image)
    spec |= _mounts(request.mounts)
    spec |= _network(request)
    spec |= security.options(request.security_opt)
    if limits := _limits(request):
        spec["resource_limits"] = limits
    if devices := [*request.devices, *_gpus(request.gpus)]:
        spec["devices"] = [{"path": device} for device in devices]
    if check := _health(request.healthcheck, image):
        spec["healthconfig"] = check
    if request.extra_hosts:
        spec["hostadd"] = [f"{name}:{address}" for name, address in request.extra_hosts.items()]
    if request.stop_signal:
        spec["stop_signal"] = signal_number(request.stop_signal)
    optional = {
        "name": request.name,
        "work_dir": request.working_dir,
        "user": request.user,
        "hostname": request.hostname,
        "restart_policy": request.restart_policy if request.restart_policy != "no" else "",
        "shm_size": request.shm_size,
        "cap_add": list(request.cap_add),
        "cap_drop": list(request.cap_drop),
        "dns_server": [_address(server, "dns") for server in request.dns],
    }
    return spec | {key: value for key, value in optional.items() if value not in ("", None, [])}


def signal_number(name: str) -> int:
    """The number of a signal, given with or without ``SIG`` or as a number.

    Raises:
        RequestRefused: There is no such signal.
    """
    text = name.strip().upper().removeprefix("SIG")
    base, _, more = text.partition("+")
    known = {**signal.Signals.__members__, "SIGRTMIN": 34}
    number = int(known.get(f"SIG{base}", 0))
    if text.isdigit():
        number = int(text)
    elif more.isdigit():
        number += int(more) if number else 0
    if not 0 < number <= 64:
        raise RequestRefused(f"there is no signal {name!r}", hint="write TERM, SIGTERM or 15, for example")
    return number


def _command(request: ContainerRequest, image: Mapping[str, Any]) -> Spec:
    spec: Spec = {}
    entrypoint = request.entrypoint
    if entrypoint is None and request.command is not None and not request.command:
        # An empty command means none. Podman would take the image's, unless it is told the entry point.
        entrypoint = tuple((image.get("Config") or {}).get("Entrypoint") or ())
    if entrypoint is not None:
        # A single empty word is how Podman is told to clear it; an empty list would be taken for "not given".
        spec["entrypoint"] = list(entrypoint) or [""]
    if request.command:
        spec["command"] = list(request.command)
    return spec


def _mounts(mounts: Sequence[Mount]) -> Spec:
    spec: Spec = {}
    for mount in mounts:
        access = "ro" if mount.read_only else "rw"
        if mount.type is MountType.VOLUME:
            options = [access, "nocopy"] if mount.empty else [access]
            volume = {"Name": mount.source, "Dest": mount.target, "Options": options}
            spec.setdefault("volumes", []).append(volume)
            continue
        if mount.type is MountType.BIND:
            source, options = mount.source, ["rbind", "rprivate", access]
        else:
            # Docker's defaults, and no copy of what the image has there.
            source, options = "tmpfs", [access, "noexec", "nosuid", "nodev", "notmpcopyup"]
            options += [] if mount.size is None else [f"size={mount.size}"]
            options += ["mode=1777" if mount.mode is None else f"mode={mount.mode:o}"]
        entry = {"type": mount.type.value, "source": source, "destination": mount.target, "options": options}
        spec.setdefault("mounts", []).append(entry)
    return spec


def _network(request: ContainerRequest) -> Spec:
    spec: Spec = {}
    network = request.network
    published = [_port(port) for port in request.ports]
    if network.startswith("container:"):
        spec["netns"] = {"nsmode": "container", "value": network.removeprefix("container:")}
    elif network in ("host", "none", "bridge"):
        spec["netns"] = {"nsmode": network}
    elif network:
        spec["netns"] = {"nsmode": "bridge"}
        spec["Networks"] = {network: {}}
    if published and network == "host":
        # The container's ports are the machine's: one that is published under its own number is there already.
        published = [port for port in published if port["host_port"] not in (0, port["container_port"])]
    if published and (network in ("host", "none") or network.startswith("container:")):
        raise RequestRefused(
            f"ports can't be published with the network {network!r}",
            hint="publish them with a network of the container's own, or leave `ports` out",
        )
    if published:
        spec["portmappings"] = published
    return spec


def _port(port: Port) -> Spec:
    return {
        "container_port": port.container_port,
        "host_port": port.host_port or 0,
        "host_ip": _address(port.host_ip, "ports") if port.host_ip else "",
        "protocol": port.protocol,
    }


def _limits(request: ContainerRequest) -> Spec:
    limits: Spec = {}
    if request.cpus is not None:
        quota = round(request.cpus * _CPU_PERIOD)
        if quota < 1000:
            raise RequestRefused(f"cpus is {request.cpus:g}, which is too little", hint="0.01 is the least")
        limits["cpu"] = {"quota": quota, "period": _CPU_PERIOD}
    if request.memory is not None:
        limits["memory"] = {"limit": request.memory, "swap": request.memory}
    if request.pids_limit is not None:
        limits["pids"] = {"limit": request.pids_limit}
    return limits


def _gpus(text: str) -> list[str]:
    """GPUs as devices of the Container Device Interface, which is how Podman hands them in."""
    if not text:
        return []
    wanted = text.removeprefix("device=").strip("\"'")
    if wanted.isdigit() and not text.startswith("device="):
        names = [str(number) for number in range(int(wanted))]
    else:
        names = [name.strip() for name in wanted.split(",") if name.strip()]
    return [f"nvidia.com/gpu={name}" for name in names]


def _health(check: Healthcheck | None, image: Mapping[str, Any]) -> Spec | None:
    of_image = {key: value for key, value in (image.get("Healthcheck") or {}).items() if value}
    if check is None:
        # Given whole, as Podman leaves zeros in what the image does not say.
        return _HEALTH | of_image if of_image.get("Test") else None
    if check.test[:1] == ("NONE",):
        return {"Test": ["NONE"]}
    given = {
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
    }
    times = {key: round(value * _NANO) for key, value in given.items() if value is not None}
    retries = {} if check.retries is None else {"Retries": check.retries}
    test = {"Test": list(check.test)} if check.test else {}
    return _HEALTH | of_image | times | retries | test


def _address(text: str, field: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise RequestRefused(f"{field} has {text!r}, which is no IP address") from None
