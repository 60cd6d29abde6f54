"""How values look once they stand in text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagu.workflow.model import Value


def to_text(value: Value) -> str:
    """A value as it is inserted into a string.

    Strings stay, booleans are ``true`` and ``false``, numbers are their shortest decimal without an exponent,
    everything else is compact JSON.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _decimal(value)
        case _:
            return compact_json(value)


def compact_json(value: Value) -> str:
    """JSON on one line, without blanks, in the order of the mapping; 1.0 is 1."""
    import json

    return json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)


def indented_json(value: Value) -> str:
    """JSON with each level indented by two blanks; empty lists and mappings stay on one line."""
    import json

    return json.dumps(plain(value), indent=2, ensure_ascii=False)


def _decimal(value: float) -> str:
    from decimal import Decimal  # a cold start has none

    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def parse_json(text: str) -> Any:
    """The value of a JSON text, NaN and infinities excluded.

    Raises:
        ValueError: It is none, or nested beyond reason.
    """
    import json

    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def plain(value: Value) -> Any:
    """The same in dicts and lists, as JSON has it: whole numbers are integers, dates of YAML are text."""
    match value:
        case Mapping():
            return {to_text(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(value)
        case None | str() | bool() | int() | float():
            return value
        case _:
            return str(value)  # dates of YAML


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")
