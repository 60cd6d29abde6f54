"""Careful reading of one line of JSON: what is missing, cut in half or of another type reads as empty."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Fields = Mapping[str, Any]

_LIMIT = 1_000_000_000_000_000


def fields(line: bytes) -> Fields:
    """The JSON object of a line, empty when it is none."""
    if not line.lstrip().startswith(b"{"):
        return {}
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def table(value: object) -> Fields:
    """A JSON object, empty when it is none."""
    return value if isinstance(value, dict) else {}


def tables(value: object) -> Sequence[Fields]:
    """The objects in a JSON array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """A JSON string, empty when it is none."""
    return value if isinstance(value, str) else ""


def count(value: object) -> int:
    """A number of tokens, 0 when it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LIMIT else 0


def cost(value: object) -> float | None:
    """US dollars, None when it is no amount."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LIMIT:
        return None
    return float(value)


def shown(value: object) -> str:
    """Any JSON value as text: a string as it is, nothing as empty."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
