"""Whether a parameter's value fits its rules, which are a small part of JSON Schema; and values in their types."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from dagu.workflow.model import Value
from dagu.workflow.tree import shortened
from dagu.workflow.values.errors import ParamsInvalid
from dagu.workflow.values.text import parse_json, to_text

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def coerce(value: Value, schema: Mapping[str, Value]) -> Value:
    """A value in the type that its schema asks for; text where it asks for none. Other types stay as they are.

    Raises:
        ParamsInvalid: The text is none of that type.
    """
    kinds = schema.get("type", "string")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if not isinstance(value, str):
        if kinds == ["string"] and isinstance(value, bool | int | float):
            return to_text(value)
        return int(value) if kinds == ["integer"] and whole(value) else value
    for kind in kinds:
        try:
            return _converted(value, kind)
        except ValueError:
            continue
    raise ParamsInvalid(f"cannot coerce {value!r} to {' or '.join(kinds)}")


def coerced(value: Value, schema: Mapping[str, Value]) -> Value:
    """The same, and unchanged where it is none of that type."""
    try:
        return coerce(value, schema)
    except ParamsInvalid:
        return value


def whole(value: Value) -> bool:
    """Whether a number with a decimal point is a whole one."""
    return isinstance(value, float) and math.isfinite(value) and value.is_integer()


def problem_with(value: Any, rules: Mapping[str, Any]) -> str:
    """What is wrong with a value under its rules, as the end of a sentence; empty when nothing is.

    Raises:
        PatternInvalid: The pattern of the rules is none.
    """
    kind = rules.get("type")
    value = coerced(value, rules)
    if isinstance(kind, str) and not _has_type(value, kind):
        return f"is not of type {kind}: {shortened(str(value))}"
    allowed = rules.get("enum")
    if isinstance(allowed, list | tuple) and value not in [coerced(each, rules) for each in allowed]:
        listed = ", ".join(to_text(each) for each in allowed)
        return f"is not one of {listed}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number_problem(value, rules)
    return _text_problem(value, rules) if isinstance(value, str) else ""


_COMPARED: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("minimum", operator.lt, "is less than the minimum"),
    ("maximum", operator.gt, "is greater than the maximum"),
    ("exclusiveMinimum", operator.le, "is not greater than"),
    ("exclusiveMaximum", operator.ge, "is not less than"),
)


def _number_problem(value: float, rules: Mapping[str, Any]) -> str:
    for key, breaks, what in _COMPARED:
        bound = rules.get(key)
        if isinstance(bound, (int, float)) and not isinstance(bound, bool) and breaks(value, bound):
            return f"{what} {to_text(bound)}"
    return ""


def _text_problem(value: str, rules: Mapping[str, Any]) -> str:
    least, most, pattern = rules.get("minLength"), rules.get("maxLength"), rules.get("pattern")
    if isinstance(least, int) and len(value) < least:
        return f"is shorter than min_length {least}"
    if isinstance(most, int) and len(value) > most:
        return f"is longer than max_length {most}"
    if isinstance(pattern, str):
        from dagu.workflow.values.patterns import Pattern

        found = Pattern(pattern).search(value)
        if not found:
            return f"does not match the pattern {shortened(pattern)}"
    return ""


def _has_type(value: Any, kind: str) -> bool:
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    types: dict[str, Any] = {
        "string": str,
        "boolean": bool,
        "array": tuple,
        "object": Mapping,
        "null": type(None),
    }
    return kind not in types or isinstance(value, types[kind])


def _converted(text: str, kind: str) -> Value:
    match kind:
        case "integer":
            if not _INTEGER.fullmatch(text.strip()):
                raise ValueError(text)
            return int(text)
        case "number":
            if _INTEGER.fullmatch(text.strip()):
                return int(text)
            if not _NUMBER.fullmatch(text.strip()) or not math.isfinite(number := float(text)):
                raise ValueError(text)
            return number
        case "boolean":
            if text.strip().lower() not in ("true", "false"):
                raise ValueError(text)
            return text.strip().lower() == "true"
        case "array" | "object":
            return parse_json(text)
        case "null":
            raise ValueError(text)
        case _:
            return text
