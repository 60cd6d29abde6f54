"""A ContainerRequest as the body of ``POST /containers/create``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagu.contracts.container import ContainerRequest, Healthcheck, Mount, MountType
from dagu.errors import RequestRefused
from dagu_docker_runtime import raw_options

# Everything is kept, as with the engine's own default driver, in one file: a second one would have to be
# compressed and merged when it is read. Measured: `local` writes blocks almost three times as fast as json-file.
_KEEP_LOG = {"Type": "local", "Config": {"max-size": "1000g", "max-file": "1", "compress": "false"}}
_NO_LOG = {"Type": "none", "Config": {}}


def create_body(
    request: ContainerRequest, *, api_version: str, log_drivers: tuple[str, ...]
) -> dict[str, Any]:
    """Translate a request. Its own fields win over the raw objects; lists and maps of both are joined.

    Args:
        log_drivers: What the engine has; without ``local`` its default keeps the output.

    Raises:
        RequestRefused: Something in it can't be had; the message says what.
    """
    config = raw_options.container_fields(request.raw_container, api_version)
    host = raw_options.host_fields(request.raw_host, api_version)
    network = raw_options.network_fields(request.raw_network, api_version)
    _fill_config(config, request)
    _fill_host(host, request)
    if not request.keep_output:
        host.setdefault("LogConfig", _NO_LOG)
    elif "local" in log_drivers:
        host.setdefault("LogConfig", _KEEP_LOG)
    return {**config, "HostConfig": host} | ({"NetworkingConfig": network} if network else {})


def _fill_config(config: dict[str, Any], request: ContainerRequest) -> None:
    if config.get("Image", request.image) != request.image:
        raise RequestRefused(
            f"container.Image is {config['Image']!r}, but the image to run is {request.image!r}"
        )
    config["Image"] = request.image
    if request.entrypoint is not None:
        config["Entrypoint"] = list(request.entrypoint)
    if request.command is not None:
        config["Cmd"] = list(request.command)
    if request.env or config.get("Env"):
        config["Env"] = join_env(config.get("Env"), request.env)
    if request.labels:
        config["Labels"] = {**(config.get("Labels") or {}), **request.labels}
    if request.ports:
        exposed: dict[str, Any] = {f"{port.container_port}/{port.protocol}": {} for port in request.ports}
        config["ExposedPorts"] = {**(config.get("ExposedPorts") or {}), **exposed}
    if request.stdin:
        config |= {"OpenStdin": True, "StdinOnce": True, "AttachStdin": True}
    if request.healthcheck is not None:
        config["Healthcheck"] = _healthcheck(request.healthcheck)
    _set(config, "WorkingDir", request.working_dir)
    _set(config, "User", request.user)
    _set(config, "Hostname", request.hostname)
    _set(config, "StopSignal", request.stop_signal)


def _fill_host(host: dict[str, Any], request: ContainerRequest) -> None:
    _extend(host, "Mounts", [_mount(mount) for mount in request.mounts])
    _extend(host, "Devices", [_device(device) for device in request.devices])
    _extend(host, "DeviceRequests", [_gpus(request.gpus)] if request.gpus else [])
    _extend(host, "CapAdd", list(request.cap_add))
    _extend(host, "CapDrop", list(request.cap_drop))
    _extend(host, "Dns", list(request.dns))
    _extend(host, "ExtraHosts", [f"{name}:{address}" for name, address in request.extra_hosts.items()])
    if request.ports:
        bindings = {key: list(value or ()) for key, value in (host.get("PortBindings") or {}).items()}
        for port in request.ports:
            number = "" if port.host_port is None else str(port.host_port)
            bound = bindings.setdefault(f"{port.container_port}/{port.protocol}", [])
            bound.append({"HostIp": port.host_ip, "HostPort": number})
        host["PortBindings"] = bindings
    if request.memory is not None:
        host |= {"Memory": request.memory, "MemorySwap": request.memory}
    if request.cpus is not None:
        host["NanoCpus"] = round(request.cpus * 1_000_000_000)
    if request.pids_limit is not None:
        host["PidsLimit"] = request.pids_limit
    if request.shm_size is not None:
        host["ShmSize"] = request.shm_size
    if request.restart_policy:
        host["RestartPolicy"] = {"Name": request.restart_policy, "MaximumRetryCount": 0}
    _set(host, "NetworkMode", request.network)
    _set(host, "Init", request.init)
    _set(host, "Privileged", request.privileged)
    _set(host, "ReadonlyRootfs", request.read_only)
    _set(host, "AutoRemove", request.auto_remove)
    _security(host, request.security_opt)


def join_env(raw_env: Any, env: Mapping[str, str]) -> list[str]:
    """The engine's list of ``K=V``: raw entries first, so that a later one of the same name wins."""
    if raw_env is not None and not isinstance(raw_env, list | tuple | Mapping):
        raise RequestRefused("Env has to be a list of NAME=value or a map")
    pairs = (
        raw_env.items()
        if isinstance(raw_env, Mapping)
        else (str(e).partition("=")[::2] for e in raw_env or ())
    )
    return [f"{name}={value}" for name, value in {**dict(pairs), **env}.items()]


def _set(target: dict[str, Any], key: str, value: object) -> None:
    if value:
        target[key] = value


def _extend(target: dict[str, Any], key: str, items: list[Any]) -> None:
    if items:
        target[key] = [*(target.get(key) or ()), *items]


def _mount(mount: Mount) -> dict[str, Any]:
    # A mount of type bind, unlike the engine's Binds, fails where its source does not exist.
    told: dict[str, Any] = {"Type": mount.type.value, "Target": mount.target, "ReadOnly": mount.read_only}
    if mount.type is not MountType.TMPFS:
        told["Source"] = mount.source
        return told | {"VolumeOptions": {"NoCopy": True}} if mount.empty else told
    options = {"SizeBytes": mount.size, "Mode": mount.mode}
    return told | {"TmpfsOptions": {key: value for key, value in options.items() if value is not None}}


def _device(text: str) -> dict[str, str]:
    host, _, rest = text.partition(":")
    inside, _, permissions = rest.partition(":")
    if inside and not inside.startswith("/"):  # host:permissions
        inside, permissions = "", inside
    return {
        "PathOnHost": host,
        "PathInContainer": inside or host,
        "CgroupPermissions": permissions or "rwm",
    }


def _gpus(text: str) -> dict[str, Any]:
    wanted: dict[str, Any] = {"Driver": "", "Capabilities": [["gpu"]]}
    if text == "all":
        return wanted | {"Count": -1}
    if text.isdigit():
        return wanted | {"Count": int(text)}
    return wanted | {"DeviceIDs": [part.strip() for part in text.split(",") if part.strip()]}


def _healthcheck(check: Healthcheck) -> dict[str, Any]:
    told: dict[str, Any] = {"Test": list(check.test)}
    times = {"Interval": check.interval, "Timeout": check.timeout, "StartPeriod": check.start_period}
    told |= {key: round(value * 1_000_000_000) for key, value in times.items() if value is not None}
    if check.retries is not None:
        told["Retries"] = check.retries
    return told


def _security(host: dict[str, Any], options: tuple[str, ...]) -> None:
    """As the engine's command line does it, which turns some options into something else."""
    kept: list[str] = []
    for option in options:
        name, separator, value = option.partition("=")
        if option == "systempaths=unconfined":
            host |= {"MaskedPaths": [], "ReadonlyPaths": []}
        elif (
            name == "seccomp"
            and separator
            and value not in ("unconfined", "builtin")
            and not value.startswith("{")
        ):
            kept.append(f"seccomp={_profile(value)}")
        else:
            kept.append(option)
    _extend(host, "SecurityOpt", kept)


def _profile(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, ValueError) as error:
        raise RequestRefused(
            f"the seccomp profile {path} cannot be read: {error}",
            hint="give the path of a JSON profile on this machine, or seccomp=unconfined",
        ) from error
