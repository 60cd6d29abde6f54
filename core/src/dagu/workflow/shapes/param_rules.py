"""Whether the rules of a parameter fit its type, and each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagu.workflow.values.param_rules import coerced, problem_with, whole
from dagu.workflow.values.text import to_text

_NUMERIC = ("integer", "number")
_BOUNDS = ("minimum", "maximum")
_TEXTUAL = ("minLength", "maxLength", "pattern")


def rule_problem(kind: str, rules: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first rule that does not fit the type or another rule, and why."""
    for key in rules:
        if key in _BOUNDS and kind not in _NUMERIC:
            return key, f"a bound of numbers does not fit the type {kind}"
        if key in _TEXTUAL and kind != "string":
            return key, f"a rule for text does not fit the type {kind}"
        if key in _BOUNDS and kind == "integer" and coerced(rules[key], {"type": kind}) != rules[key]:
            return key, "the bound of an integer must be an integer"
        if key in _BOUNDS and kind == "integer" and isinstance(rules[key], float) and not whole(rules[key]):
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
