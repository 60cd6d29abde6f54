"""The constants of a workflow, in order."""

from __future__ import annotations

import math
from collections.abc import Iterable

from dagu.workflow.model import Value
from dagu.workflow.values.errors import ConstInvalid
from dagu.workflow.values.resolve import resolve
from dagu.workflow.values.scope import Scope
from dagu.workflow.values.tokens import NAME


def evaluate_consts(consts: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """The constants, each seeing those before it and nothing else.

    Raises:
        ConstInvalid: A name or value is none of a constant; the message names it.
    """
    known: dict[str, Value] = {}
    for name, value in consts:
        if reason := const_problem(name, value):
            raise ConstInvalid(reason)
        known[name] = resolve(value, Scope(consts=known)) if isinstance(value, str) else value
    return known


def const_problem(name: object, value: Value) -> str:
    """Why this can't be a constant; empty where it can."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"consts key {name!r} is invalid: it must match {NAME.pattern}"
    if not isinstance(value, str | int | float):  # bool is an int
        return f"const {name!r} must be a literal string, number, or boolean"
    if isinstance(value, float) and not math.isfinite(value):
        return f"const {name!r} must be a finite number"
    return ""
