"""What raw objects change: fields of the request where it has them, else entries of the specification."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from dagu.contracts.container import ContainerRequest

Handler = Callable[[Any, "Changes"], None]
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


class Refused(Exception):
    """A value that can't be honoured; the message says why."""


class Changes:
    """Collects the changes to one request.

    Attributes:
        fields: Fields to replace.
        spec: Entries to merge into the specification.
    """

    def __init__(self, request: ContainerRequest) -> None:
        self._request = request
        self.fields: dict[str, Any] = {}
        self.spec: dict[str, Any] = {}

    def get(self, field: str) -> Any:
        """A field as it stands now."""
        return self.fields.get(field, getattr(self._request, field))

    def offer(self, field: str, value: Any) -> None:
        """Set a field, unless the request says it itself."""
        default = next(each.default for each in fields(ContainerRequest) if each.name == field)
        if getattr(self._request, field) == default:
            self.fields[field] = value

    def extend(self, field: str, values: Any) -> None:
        """Add to a field that is a sequence."""
        self.fields[field] = (*self.get(field), *values)

    def update(self, field: str, values: Mapping[str, Any]) -> None:
        """Add to a field that is a mapping, whose own entries stay."""
        self.fields[field] = {**values, **self.get(field)}

    def put(self, value: Any, *path: str) -> None:
        """Set an entry of the specification; a list goes on."""
        place = self.spec
        for key in path[:-1]:
            place = place.setdefault(key, {})
        last = path[-1]
        place[last] = place.get(last, []) + value if isinstance(value, list) else value


def field(name: str, kind: Callable[[Any], Any]) -> Handler:
    """A key that is a field of the request."""

    def handle(value: Any, changes: Changes) -> None:
        changes.offer(name, kind(value))

    return handle


def more(name: str, kind: Callable[[Any], Any] = str) -> Handler:
    """A key whose items go on in a field of the request."""

    def handle(value: Any, changes: Changes) -> None:
        changes.extend(name, [kind(item) for item in value])

    return handle


def entry(*path: str, kind: Callable[[Any], Any]) -> Handler:
    """A key that is an entry of the specification."""

    def handle(value: Any, changes: Changes) -> None:
        changes.put(kind(value), *path)

    return handle


def unsupported(value: Any, _changes: Changes) -> None:
    """A key of the API that can't be honoured; empty, it asks for nothing."""
    if value:
        raise Refused("Podman has no such thing")


def nothing(_value: Any, _changes: Changes) -> None:
    """A key that says nothing about the container."""


def words(value: Any) -> tuple[str, ...]:
    """An argv, which may also be one word."""
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def texts(value: Any) -> list[str]:
    """A list of text."""
    if isinstance(value, str):
        raise Refused("a list is wanted")
    return [str(item) for item in value]


def table(value: Any) -> dict[str, str]:
    """An object whose values are text."""
    return {str(key): str(item) for key, item in value.items()}


def flag(value: Any) -> bool:
    """A boolean, also as the word."""
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise Refused("true or false is wanted")


def keyed(value: Mapping[str, Any]) -> dict[str, Any]:
    """An inner object with its keys in lower case, without underscores."""
    return {str(key).replace("_", "").lower(): item for key, item in value.items()}


def only(value: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """An inner object that has no others than these keys."""
    found = keyed(value)
    if odd := sorted(set(found) - set(keys)):
        raise Refused(f"it has {', '.join(odd)}, which can't be honoured")
    return found


def seconds(value: Any) -> float:
    """A duration: nanoseconds as a number, or text such as ``1m30s``."""
    if isinstance(value, int | float):
        return value / 1e9
    parts = _DURATION.findall(str(value))
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise Refused("a duration such as 30s is wanted")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
