"""The constants of a workflow, in order."""

from __future__ import annotations

from collections.abc import Iterable

from dagu.workflow.model import Value
from dagu.workflow.values.resolve import resolve
from dagu.workflow.values.scope import Scope


def evaluate_consts(consts: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """The constants, each seeing those before it and nothing else. Raises nothing: the loader checked them."""
    known: dict[str, Value] = {}
    for name, value in consts:
        known[name] = resolve(value, Scope(consts=known)) if isinstance(value, str) else value
    return known
