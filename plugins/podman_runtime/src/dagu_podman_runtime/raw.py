"""The raw objects of ``docker.run``: each key that Podman can honour is taken, all others are refused at once.

Source of the keys: Docker Engine API 1.41 to 1.47, ``ContainerCreate`` and ``ContainerExec``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dagu.contracts.container import EMPTY, ContainerRequest
from dagu.errors import RequestRefused
from dagu_podman_runtime import raw_container, raw_host, raw_network
from dagu_podman_runtime.raw_changes import Changes, Refused

Handlers = Mapping[str, Callable[[Any, Changes], None]]
# How an exec's streams are used is the runtime's own business; they may be named, as they change nothing.
_EXEC = {
    "user": "User",
    "privileged": "Privileged",
    "env": "Env",
    "workingdir": "WorkingDir",
}
_STREAMS = ("attachstdin", "attachstdout", "attachstderr")


def applied(request: ContainerRequest) -> tuple[ContainerRequest, dict[str, Any]]:
    """Fold a request's raw objects in. Its own fields win over them; lists and maps are joined.

    Returns:
        A request without raw objects, and what is to be merged into the specification made of it.

    Raises:
        RequestRefused: With every key that can't be honoured.
    """
    changes = Changes(request)
    problems: list[str] = []
    for place, given, handlers in (
        ("container", request.raw_container, raw_container.HANDLERS),
        ("host", request.raw_host, raw_host.HANDLERS),
        ("network", request.raw_network, raw_network.HANDLERS),
    ):
        _take(place, given, handlers, changes, problems)
    if problems:
        raise _refused(problems)
    _yield_to(request, changes.spec)
    changed = replace(request, raw_container=EMPTY, raw_host=EMPTY, raw_network=EMPTY, **changes.fields)
    return changed, changes.spec


def _yield_to(request: ContainerRequest, spec: dict[str, Any]) -> None:
    """Take out what the request's own fields say, too: they win."""
    limits = spec.get("resource_limits", {})
    own: dict[str, tuple[str, ...]] = {}
    if request.cpus is not None:
        own["cpu"] = ("quota", "period")
    if request.memory is not None:
        own["memory"] = ("swap",)
    for controller, names in own.items():
        for name in names:
            limits.get(controller, {}).pop(name, None)
    if request.restart_policy:
        spec.pop("restart_policy", None)
        spec.pop("restart_tries", None)


def exec_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The raw ``exec`` object with the API's spelling of its keys.

    Raises:
        RequestRefused: With every key that can't be honoured.
    """
    fields: dict[str, Any] = {}
    problems: list[str] = []
    for written, value in given.items():
        key = _plain(written)
        if key in _EXEC:
            fields[_EXEC[key]] = value
        elif key not in _STREAMS and not (key == "tty" and not value):
            problems.append(f"exec.{written}")
    if problems:
        raise _refused(problems)
    return fields


def merge(spec: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """A specification with more in it: objects are merged, lists go on, other values replace."""
    merged = dict(spec)
    for key, value in more.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping):
            merged[key] = merge(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            merged[key] = old + value
        else:
            merged[key] = value
    return merged


def _take(
    place: str, given: Mapping[str, Any], handlers: Handlers, changes: Changes, problems: list[str]
) -> None:
    for written, value in given.items():
        handler = handlers.get(_plain(written))
        if handler is None:
            problems.append(f"{place}.{written}")
        elif value is not None:
            try:
                handler(value, changes)
            except Refused as refused:
                problems.append(f"{place}.{written} ({refused})")
            except (TypeError, ValueError, KeyError, AttributeError):
                problems.append(f"{place}.{written} (it has another form than in Docker's API)")


def _plain(key: object) -> str:
    return str(key).replace("_", "").lower()


def _refused(problems: list[str]) -> RequestRefused:
    return RequestRefused(
        f"Podman can't honour {', '.join(problems)}",
        hint="remove them, or correct them after the Docker Engine API's ContainerCreate and ContainerExec",
    )
