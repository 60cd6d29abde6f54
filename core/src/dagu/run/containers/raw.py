"""The engine's raw objects of ``docker.run``, joined to a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dagu.contracts.container import ContainerRequest

Raw = Mapping[str, Mapping[str, Any]]
"""By name: ``container``, ``host``, ``network``."""


def with_raw(request: ContainerRequest, raw: Raw, *, translate: Callable[[str], str]) -> ContainerRequest:
    """The request with raw objects, whose bind sources are made the engine's own.

    Args:
        translate: From a path here to the same place on the engine's machine.

    Raises:
        RequestRefused: A bind source has no place there.
    """
    host = {key: _translated(_plain(key), value, translate) for key, value in (raw.get("host") or {}).items()}
    stated = {_plain(key) for key in host}
    return replace(
        request,
        # What is stated of this very container goes before the workflow's limits for any.
        memory=None if "memory" in stated else request.memory,
        cpus=None if stated & {"nanocpus", "cpuquota"} else request.cpus,
        raw_container=raw.get("container") or {},
        raw_host=host,
        raw_network=raw.get("network") or {},
    )


def covered(raw: Raw) -> tuple[list[str], bool]:
    """Where raw objects mount something in the container, and whether its root is read-only."""
    host = {_plain(key): value for key, value in (raw.get("host") or {}).items()}
    binds = (str(entry).split(":") for entry in host.get("binds") or ())
    targets = [parts[1] for parts in binds if len(parts) > 1]
    targets += [str(take(mount, "Target")[0] or "") for mount in host.get("mounts") or ()]
    return [*targets, *(host.get("tmpfs") or ())], bool(host.get("readonlyrootfs"))


def take(raw: Mapping[str, Any], key: str) -> tuple[Any, dict[str, Any]]:
    """One value of a raw object, None without it, and the object without it; keys in any spelling."""
    found = None
    rest = {}
    for written, value in raw.items():
        if _plain(written) == _plain(key):
            found = value
        else:
            rest[written] = value
    return found, rest


def _plain(key: str) -> str:
    return str(key).replace("_", "").lower()


def _translated(key: str, value: Any, translate: Callable[[str], str]) -> Any:
    if key == "binds" and isinstance(value, list | tuple):
        return [_bind(str(entry), translate) for entry in value]
    if key == "mounts" and isinstance(value, list | tuple):
        return [_mount(entry, translate) for entry in value]
    return value


def _bind(entry: str, translate: Callable[[str], str]) -> str:
    source, colon, rest = entry.partition(":")
    return f"{translate(source)}{colon}{rest}" if source.startswith("/") else entry


def _mount(entry: Any, translate: Callable[[str], str]) -> Any:
    if not isinstance(entry, Mapping) or take(entry, "Type")[0] != "bind":
        return entry
    return {key: translate(str(value)) if _plain(key) == "source" else value for key, value in entry.items()}
