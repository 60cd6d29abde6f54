"""Object ``output`` and ``stdout.outputs``: a value for each key, literal or taken from what the step left."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any

from dagu.workflow.model import OutputEntry, Value
from dagu.workflow.values.errors import OutputInvalid
from dagu.workflow.values.resolve import Expand, resolve, resolve_value
from dagu.workflow.values.scope import Scope
from dagu.workflow.values.text import parse_json, to_text

Reader = Callable[[str, str], str]
"""Reads a source, ``stdout``, ``stderr`` or ``file``, the last with a path from the step's directory.

Raises:
    OutputInvalid: It can't be read.
"""

_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\.(?=\[|$)")


def output_entries(entries: Iterable[OutputEntry], scope: Scope, read: Reader) -> dict[str, Value]:
    """The published values by key. Strings and paths are resolved; decoding and selection are literal.

    Raises:
        OutputInvalid: A source can't be read or decoded, or a selection finds nothing. It names the key.
    """
    return {entry.key: _value(entry, scope, read) for entry in entries}


def decode(text: str, form: str) -> Value:
    """A text as ``text`` (trimmed), ``json`` or ``yaml``.

    Raises:
        ValueError: It is none of that form.
    """
    match form:
        case "json":
            return parse_json(text)
        case "yaml":
            import yaml

            try:
                return _as_json(yaml.safe_load(text))
            except yaml.YAMLError as error:
                raise ValueError(str(error)) from error
        case _:
            return text.strip()


def select(value: Value, path: str) -> Value:
    """What stands at ``.a.b`` or ``.a[0]``; the whole value at ``.`` and the empty path.

    Raises:
        LookupError: Nothing stands there, or the path is malformed.
    """
    position = 0
    found: Any = value
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise LookupError(path)
        if step[2] is not None:
            found = found[int(step[2])] if isinstance(found, list | tuple) else _nothing(path)
        elif step[1] is not None:
            found = found[step[1]] if isinstance(found, Mapping) else _nothing(path)
        position = step.end()
    return found


def _as_json(value: Any) -> Value:
    """What YAML has beside JSON, in terms of JSON: sets are lists, bytes Base64, dates text."""
    match value:
        case set():
            return [_as_json(item) for item in value]
        case bytes():
            return b64encode(value).decode()
        case Mapping():
            return {to_text(key): _as_json(item) for key, item in value.items()}
        case list() | tuple():
            return [_as_json(item) for item in value]
        case float() if not isfinite(value):
            raise ValueError(f"{value} is no JSON value")
        case None | str() | bool() | int() | float():
            return value
    return str(value)


def _value(entry: OutputEntry, scope: Scope, read: Reader) -> Value:
    if not entry.source:
        return resolve_value(entry.value, scope, expand=Expand.SCOPE)
    text = read(entry.source, resolve(entry.path, scope, expand=Expand.SCOPE))
    try:
        return select(decode(text, entry.decode), entry.select)
    except ValueError as error:
        raise OutputInvalid(f"{entry.key}: {entry.source} is not {entry.decode}: {error}") from error
    except LookupError as error:
        raise OutputInvalid(f"{entry.key}: nothing stands at {entry.select!r} of {entry.source}") from error


def _nothing(path: str) -> Value:
    raise LookupError(path)
