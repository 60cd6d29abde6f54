"""Whether a parameter's value fits its rules; the rules are a small part of JSON Schema."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from dagu.workflow.tree import resolve_scalar, shortened
from dagu.workflow.values.text import to_text

_NUMERIC = ("integer", "number")
_BOUNDS = ("minimum", "maximum")
_TEXTUAL = ("minLength", "maxLength", "pattern")


def coerced(value: Any, kind: Any) -> Any:
    """A scalar as the type a parameter has; unchanged where it is none of that type."""
    if kind == "string" and isinstance(value, (bool, int, float)):
        return to_text(value)
    if not isinstance(value, str):
        return int(value) if kind == "integer" and _whole(value) else value
    if kind in _NUMERIC and value.strip():
        number = resolve_scalar(value.strip())
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            return int(number) if kind == "integer" and _whole(number) else number
    if kind == "boolean" and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return value


def _whole(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value) and value.is_integer()


def problem_with(value: Any, rules: Mapping[str, Any]) -> str:
    """What is wrong with a value under its rules, as the end of a sentence; empty when nothing is."""
    kind = rules.get("type")
    value = coerced(value, kind)
    if isinstance(kind, str) and not _has_type(value, kind):
        return f"is not of type {kind}: {shortened(str(value))}"
    allowed = rules.get("enum")
    if isinstance(allowed, tuple) and value not in [coerced(each, kind) for each in allowed]:
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
        from dagu.workflow.values.errors import PatternInvalid
        from dagu.workflow.values.patterns import Pattern

        try:
            found = Pattern(pattern).search(value)
        except PatternInvalid:
            return ""  # the pattern's own problem is told elsewhere
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


def rule_problem(kind: str, rules: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first rule that does not fit the type or another rule, and why."""
    for key in rules:
        if key in _BOUNDS and kind not in _NUMERIC:
            return key, f"a bound of numbers does not fit the type {kind}"
        if key in _TEXTUAL and kind != "string":
            return key, f"a rule for text does not fit the type {kind}"
        if key in _BOUNDS and kind == "integer" and coerced(rules[key], "integer") != rules[key]:
            return key, "the bound of an integer must be an integer"
        if key in _BOUNDS and kind == "integer" and isinstance(rules[key], float) and not _whole(rules[key]):
            return key, "the bound of an integer must be an integer"
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength")):
        if low in rules and high in rules and rules[low] > rules[high]:
            return low, f"{to_text(rules[low])} is above the other bound, {to_text(rules[high])}"
    if "enum" in rules:
        for value in rules["enum"]:
            wrong = problem_with(value, {"type": kind})
            if wrong:
                return "enum", f"a value of its enum {wrong}"
    return None
