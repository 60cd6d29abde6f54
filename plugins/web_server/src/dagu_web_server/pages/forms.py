"""A form for the parameters that a JSON Schema describes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_LONG = 120
"""Texts that may be longer than this get room for lines."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One parameter.

    Attributes:
        kind: ``text``, ``lines``, ``integer``, ``number``, ``boolean``, ``choice`` or ``json``.
        value: What stands there at first.
        choices: Of a choice: each value as JSON, and how it is shown.
        rules: Further HTML attributes.
        notes: What else a value has to be, in words.
    """

    name: str
    kind: str
    value: str = ""
    required: bool = False
    description: str = ""
    choices: Sequence[tuple[str, str]] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def fields(schema: Mapping[str, Any]) -> list[Field]:
    """The fields of a form; empty where the schema names no parameters."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return []
    required = schema.get("required") or ()
    return [
        _field(str(name), rule if isinstance(rule, Mapping) else {}, required=name in required)
        for name, rule in properties.items()
    ]


def _field(name: str, rule: Mapping[str, Any], *, required: bool) -> Field:
    kind = _kind(rule)
    given = rule.get("default")
    choices = _choices(rule) if kind == "choice" else ()
    return Field(
        name=name,
        kind=kind,
        value=_first_value(kind, given),
        required=required and kind != "boolean",
        description=str(rule.get("description") or rule.get("title") or ""),
        choices=choices,
        rules=_rules(kind, rule),
        notes=[f"matches {rule['pattern']}"] if isinstance(rule.get("pattern"), str) else (),
    )


def _kind(rule: Mapping[str, Any]) -> str:
    if isinstance(rule.get("enum"), Sequence) or "const" in rule:
        return "choice"
    kinds = rule.get("type", "string")
    known = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    if len(known) != 1 or known[0] in ("array", "object"):
        return "json"
    if known[0] == "string":
        long = int(rule.get("maxLength") or 0) > _LONG or "\n" in str(rule.get("default") or "")
        return "lines" if long else "text"
    return str(known[0])


def _choices(rule: Mapping[str, Any]) -> list[tuple[str, str]]:
    values = [rule["const"]] if "const" in rule else rule["enum"]
    return [
        (json.dumps(value), value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for value in values
    ]


def _first_value(kind: str, given: Any) -> str:
    if kind == "choice":
        return json.dumps(given)
    if given is None:
        return ""
    if kind == "boolean":
        return "true" if given is True or str(given).lower() == "true" else ""
    if kind == "json":
        return json.dumps(given, ensure_ascii=False, indent=2)
    return given if isinstance(given, str) else json.dumps(given)


def _rules(kind: str, rule: Mapping[str, Any]) -> dict[str, str]:
    names = {"minimum": "min", "maximum": "max", "multipleOf": "step"}
    if kind in ("text", "lines"):
        names = {"minLength": "minlength", "maxLength": "maxlength"}
    elif kind not in ("integer", "number"):
        return {}
    found = {html: str(rule[key]) for key, html in names.items() if isinstance(rule.get(key), int | float)}
    if kind in ("integer", "number"):
        found.setdefault("step", "1" if kind == "integer" else "any")
    return found
