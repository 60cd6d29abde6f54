"""The small languages inside ``container:``: volumes, ports, policies, names.

Used twice: when a file is loaded, on every value without a reference; and by the run, once references are
replaced. Every parser raises ValueError with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dagu.frozen import dataclass
from dagu.workflow.quantities import parse_size

PULL_POLICIES = ("missing", "always", "never", "fallback")
STARTUPS = ("keepalive", "entrypoint", "command")
WAITS = ("running", "healthy")
RESTART_POLICIES = ("no", "always", "unless-stopped")
PROTOCOLS = ("tcp", "udp", "sctp")

_VOLUME_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_CONTAINER_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_PLATFORM = r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?"
_HOST = r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])"
_IMAGE = (
    rf"(?:{_DOMAIN}(?::[0-9]+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)


@dataclass(frozen=True, kw_only=True)
class Volume:
    """One entry of ``volumes`` or ``tmpfs``, the source as written.

    Attributes:
        kind: ``bind``, ``volume`` or ``tmpfs``.
        source: Path (bind; may be relative or start with ``~``), volume name (empty: an anonymous one),
            or empty (tmpfs).
        size: Bytes of a tmpfs; None leaves it to the engine.
        mode: Permission bits of a tmpfs' root; None leaves it to the engine.
    """

    kind: str
    source: str = ""
    target: str
    read_only: bool = False
    size: int | None = None
    mode: int | None = None


@dataclass(frozen=True, kw_only=True)
class PublishedPort:
    """One entry of ``ports``. ``host_port`` None lets the engine choose; ``host_ip`` empty is every address."""

    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int | None = None


def parse_volume(text: str) -> Volume:
    """``source:target[:ro|rw]``. A source that looks like a path is a bind mount, else it names a volume."""
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise ValueError(f"invalid volume {text!r}; write source:target or source:target:ro")
    source, target = parts[0], parts[1]
    if len(parts) == 3 and parts[2] not in ("ro", "rw"):
        raise ValueError(f"invalid volume {text!r}; its mode {parts[2]!r} is neither ro nor rw")
    if not source:
        raise ValueError(f"invalid volume {text!r}; it has no source")
    _check_target(target, text)
    kind = "bind" if looks_like_path(source) else "volume"
    if kind == "volume" and not re.fullmatch(_VOLUME_NAME, source):
        raise ValueError(
            f"invalid volume {text!r}; {source!r} is no volume name, and a path starts with '/', '.' or '~'"
        )
    return Volume(
        kind=kind, source=source, target=target, read_only=parts[-1] == "ro" if len(parts) == 3 else False
    )


def looks_like_path(source: str) -> bool:
    """Whether the source of a volume is a path on this machine, not the name of a volume."""
    return source.startswith(("/", ".", "~")) or "/" in source


def volume_from_mapping(entry: Mapping[str, Any]) -> Volume:
    """The long form: ``type``, ``source``, ``target``, ``read_only``, and ``size`` and ``mode`` of a tmpfs."""
    kind, source = str(entry.get("type", "")), str(entry.get("source") or "")
    target = str(entry.get("target") or "")
    kind = kind or ("bind" if looks_like_path(source) else "volume")
    if kind not in ("bind", "volume", "tmpfs"):
        raise ValueError(f"invalid volume; type must be bind, volume or tmpfs, not {kind!r}")
    if kind == "bind" and not source:
        raise ValueError("invalid volume; a bind mount needs a source")
    if kind == "tmpfs" and source:
        raise ValueError("invalid volume; a tmpfs has no source")
    if kind == "volume" and source and not re.fullmatch(_VOLUME_NAME, source):
        raise ValueError(f"invalid volume; {source!r} is no volume name")
    if kind != "tmpfs" and ("size" in entry or "mode" in entry):
        raise ValueError("invalid volume; only a tmpfs has a size and a mode")
    _check_target(target, target)
    size, mode = entry.get("size"), entry.get("mode")
    return Volume(
        kind=kind,
        source=source,
        target=target,
        read_only=bool(entry.get("read_only", False)),
        size=None if size is None else parse_size(size),
        mode=None if mode is None else parse_mode(mode),
    )


def parse_mode(value: int | str) -> int:
    """Permission bits as octal digits (``1777``), also where YAML took them for a decimal number."""
    text = str(value).removeprefix("0o")
    if not re.fullmatch(r"[0-7]{1,5}", text):
        raise ValueError(f"{value!r} is not an octal mode like 1777")
    return int(text, 8)


def parse_tmpfs(text: str) -> Volume:
    """``/path[:option,…]`` with the options ``size=``, ``mode=``, ``ro`` and ``rw``."""
    target, _, options = text.partition(":")
    _check_target(target, text)
    size: int | None = None
    mode: int | None = None
    read_only = False
    for option in filter(None, options.split(",")):
        key, _, value = option.partition("=")
        if key == "size":
            size = parse_size(value)
        elif key == "mode":
            mode = parse_mode(value)
        elif option in ("ro", "rw"):
            read_only = option == "ro"
        else:
            raise ValueError(f"invalid tmpfs {text!r}; known options are size=, mode=, ro and rw")
    return Volume(kind="tmpfs", target=target, read_only=read_only, size=size, mode=mode)


def _check_target(target: str, text: str) -> None:
    if not target.startswith("/"):
        raise ValueError(f"invalid volume {text!r}; the target {target!r} is not an absolute path")
    if target.rstrip("/") == "":
        raise ValueError(f"invalid volume {text!r}; it would cover the container's whole file system")


def parse_port(value: str | int) -> PublishedPort:
    """``80``, ``8080:80``, ``ip:8080:80``, ``ip::80``, each with ``/tcp``, ``/udp`` or ``/sctp``."""
    text = str(value).strip()
    ports, slash, protocol = text.partition("/")
    if slash and protocol not in PROTOCOLS:
        raise ValueError(f"invalid port {text!r}; its protocol {protocol!r} is not one of tcp, udp, sctp")
    address, host = "", ""
    if ports.startswith("["):
        address, bracket, ports = ports[1:].partition("]:")
        if not bracket or ":" not in ports:
            raise ValueError(f"invalid port {text!r}; write [ip]:8080:80")
        host, _, container = ports.partition(":")
    else:
        *front, container = ports.split(":")
        if len(front) > 2:
            raise ValueError(f"invalid port {text!r}; write 80, 8080:80 or ip:8080:80")
        host = front[-1] if front else ""
        address = front[0] if len(front) == 2 else ""
        if (len(front) == 1 and not host) or (len(front) == 2 and not address):
            raise ValueError(f"invalid port {text!r}; write 80, 8080:80 or ip:8080:80")
    if address:
        _check_address(address, f"invalid port {text!r}; ")
    return PublishedPort(
        container_port=_port(container, text),
        protocol=protocol or "tcp",
        host_ip=address,
        host_port=_port(host, text) if host else None,
    )


def _port(digits: str, text: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= 65535):
        raise ValueError(f"invalid port {text!r}; {digits!r} is not a number from 1 to 65535")
    return int(digits)


def _check_address(text: str, before: str = "") -> None:
    from ipaddress import ip_address  # half a cold start's budget saved where no address is written

    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{before}{text!r} is not an IP address") from None


def parse_pull_policy(value: str | bool) -> str:
    """One of :data:`PULL_POLICIES`; true is ``always``, false is ``never``."""
    text = str(value).strip().lower() if isinstance(value, bool) else value.strip()
    text = {"true": "always", "false": "never"}.get(text, text)
    return _one_of(text, PULL_POLICIES, "pull policy")


def parse_startup(text: str) -> str:
    """One of :data:`STARTUPS`."""
    return _one_of(text, STARTUPS, "startup")


def parse_wait_for(text: str) -> str:
    """One of :data:`WAITS`."""
    return _one_of(text, WAITS, "condition to wait for")


def parse_restart_policy(text: str) -> str:
    """One of :data:`RESTART_POLICIES`."""
    return _one_of(text, RESTART_POLICIES, "restart policy")


def _one_of(text: str, allowed: tuple[str, ...], what: str) -> str:
    if text not in allowed:
        raise ValueError(f"invalid {what} {text!r}; it must be one of {', '.join(allowed)}")
    return text


def parse_image(text: str) -> str:
    """An image reference: ``[host[:port]/]name[:tag][@digest]``."""
    if len(text) > 512 or not re.fullmatch(_IMAGE, text):
        why = "; the name must be in lower case" if re.fullmatch(_IMAGE, text.lower()) else ""
        raise ValueError(f"invalid image reference {text!r}{why}")
    return text


def parse_container_name(text: str) -> str:
    """The name or id of a container."""
    if not re.fullmatch(_CONTAINER_NAME, text):
        raise ValueError(f"invalid container name {text!r}; allowed are letters, digits, '_', '.' and '-'")
    return text


def parse_platform(text: str) -> str:
    """``os/architecture[/variant]``."""
    if not re.fullmatch(_PLATFORM, text):
        raise ValueError(f"invalid platform {text!r}; write it like linux/amd64")
    return text


def parse_user(text: str) -> str:
    """``user[:group]``, as names or numbers."""
    if not re.fullmatch(r"[^\s:]+(:[^\s:]+)?", text):
        raise ValueError(f"invalid user {text!r}; write user or user:group")
    return text


def parse_network(text: str) -> str:
    """``bridge``, ``host``, ``none``, ``container:NAME`` or the name of a network."""
    kind, colon, name = text.partition(":")
    if colon and kind == "container" and re.fullmatch(_CONTAINER_NAME, name):
        return text
    if not re.fullmatch(_CONTAINER_NAME, text):
        raise ValueError(
            f"invalid network {text!r}; write bridge, host, none, container:NAME or a network's name"
        )
    return text


def parse_allowed_host(text: str) -> tuple[str, int | None]:
    """Host and port of an entry of ``network.allow``: ``api.example.com``, ``*.example.com:443``, ``10.0.0.7``."""
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, ""
    if not re.fullmatch(_HOST, host) or ".." in host or (colon and not port.isdigit()):
        raise ValueError(f"{text!r} is not a host; write it like api.example.com or *.example.com:443")
    return host.lower(), _port(port, text) if colon else None


def parse_extra_host(text: str) -> tuple[str, str]:
    """``name:address``, where the address may be ``host-gateway``."""
    name, colon, address = text.partition(":")
    if not colon or not re.fullmatch(_HOST, name):
        raise ValueError(f"invalid extra host {text!r}; write name:address")
    if address != "host-gateway":
        _check_address(address.strip("[]"), f"invalid extra host {text!r}; ")
    return name, address


def parse_dns(text: str) -> str:
    """The address of a name server."""
    _check_address(text)
    return text


def parse_device(text: str) -> str:
    """``host[:container[:permissions]]``, or a CDI name like ``vendor.com/class=name``."""
    if re.fullmatch(r"[A-Za-z0-9.-]+/[A-Za-z0-9_.-]+=[A-Za-z0-9_.:-]+", text):
        return text
    parts = text.split(":")
    paths, permissions = parts[:2], parts[2:]
    if len(parts) == 2 and re.fullmatch(r"[rwm]{1,3}", parts[1]):
        paths, permissions = parts[:1], parts[1:]
    if len(permissions) > 1 or not all(path.startswith("/") for path in paths):
        raise ValueError(f"invalid device {text!r}; write /dev/host or /dev/host:/dev/container:rwm")
    if permissions and not re.fullmatch(r"[rwm]{1,3}", permissions[0]):
        raise ValueError(f"invalid device {text!r}; its permissions are letters of 'rwm'")
    return text


def parse_capability(text: str) -> str:
    """The name of a Linux capability, with or without ``CAP_``, or ``ALL``."""
    if not re.fullmatch(r"(?i:cap_)?[A-Za-z][A-Za-z_]*", text):
        raise ValueError(f"invalid capability {text!r}; write it like NET_ADMIN")
    return text


def parse_security_option(text: str) -> str:
    """``no-new-privileges[:true|false]`` or ``key=value``, as the engines' command lines take them."""
    if re.fullmatch(r"no-new-privileges([:=](true|false))?|[a-z][a-z-]*[=:].+", text):
        return text
    raise ValueError(f"invalid security option {text!r}; write no-new-privileges or key=value")


def parse_gpus(value: str | int) -> str:
    """``all``, a count, or device ids separated by commas."""
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"all|-1|[0-9]+|[A-Za-z0-9][A-Za-z0-9,_:.=-]*", text):
        raise ValueError(f"invalid gpus {text!r}; write all, a count, or device ids separated by commas")
    return text


def check_healthcheck_test(test: tuple[str, ...]) -> None:
    """``(NONE)``, ``(CMD, program, …)`` or ``(CMD-SHELL, text)``."""
    kind = test[0] if test else ""
    if kind not in ("NONE", "CMD", "CMD-SHELL"):
        raise ValueError(f"must start with NONE, CMD or CMD-SHELL, not {kind!r}")
    if kind == "NONE" and len(test) > 1:
        raise ValueError("NONE switches the check off and takes nothing after it")
    if kind == "CMD" and len(test) < 2:
        raise ValueError("CMD needs a program after it")
    if kind == "CMD-SHELL" and len(test) != 2:
        raise ValueError("CMD-SHELL needs exactly one command line after it")
