"""The items of ``parallel`` and ``foreach``, and what those steps print."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field

from dagu.frozen import dataclass
from dagu.workflow.model import EMPTY, Value
from dagu.workflow.values.errors import ItemsInvalid
from dagu.workflow.values.resolve import Expand, resolve
from dagu.workflow.values.scope import ForeachItem, Scope
from dagu.workflow.values.text import compact_json, indented_json, parse_json

LIMIT = 1000
"""The most items that a step may have."""

_WORD = re.compile(r'(?:[^\s,;|"]|"[^"]*")+')


def parallel_items(items: Value) -> tuple[Value, ...]:
    """The items of ``parallel``, references replaced: a list as it is, a string parsed.

    A string is a JSON array, a JSON object (one item), or words that blanks and ``, ; |`` split and double quotes
    group.

    Raises:
        ItemsInvalid: There are none, or more than 1000.
    """
    found = _parsed(items) if isinstance(items, str) else tuple(items)
    if not found:
        raise ItemsInvalid("parallel has no items")
    return _limited(found, "parallel")


def foreach_items(items: Value) -> tuple[Value, ...]:
    """The items of ``foreach``, references replaced: a list as it is, or a string that is a JSON array.

    Raises:
        ItemsInvalid: The string is none, or there are more than 1000.
    """
    if isinstance(items, str):
        try:
            items = parse_json(items)
        except ValueError:
            items = None
        if not isinstance(items, list):
            raise ItemsInvalid("foreach.items string must resolve to a JSON array")
    return _limited(tuple(items), "foreach.items")


def foreach_scopes(items: Sequence[Value], name: str, key: str, scope: Scope) -> tuple[Scope, ...]:
    """The scope of each body, its item and key in it.

    Args:
        name: ``foreach.as``.
        key: ``foreach.key`` as authored; empty stands for the index.

    Raises:
        ItemsInvalid: A key is empty, or two are alike.
    """
    scopes: list[Scope] = []
    seen: dict[str, int] = {}
    for index, value in enumerate(items):
        bare = scope.layer(foreach=ForeachItem(index=index, name=name, value=value))
        own = resolve(key, bare, expand=Expand.SCOPE) if key else str(index)
        if not own:
            raise ItemsInvalid(f"foreach.key of item {index} is empty")
        if own in seen:
            raise ItemsInvalid(f"duplicate foreach item key {own!r}: items {seen[own]} and {index}")
        seen[own] = index
        scopes.append(scope.layer(foreach=ForeachItem(index=index, name=name, value=value, key=own)))
    return tuple(scopes)


@dataclass(frozen=True, kw_only=True)
class BodyResult:
    """How the body of one ``foreach`` item ended; ``error`` is empty where it succeeded."""

    key: str
    status: str
    outputs: Mapping[str, Value] = field(default_factory=lambda: EMPTY)
    error: str = ""
    succeeded: bool = True


def foreach_stdout(results: Sequence[BodyResult]) -> str:
    """What a ``foreach`` step prints: compact JSON, in the order of the items."""
    items = []
    for index, result in enumerate(results):
        ending = (
            {"outputs": result.outputs}
            if result.succeeded
            else {"error": result.error}
            if result.error
            else {}
        )
        items.append({"index": index, "key": result.key, "status": result.status, **ending})
    outputs = [result.outputs for result in results if result.succeeded]
    return compact_json({"summary": _summary(len(results), len(outputs)), "items": items, "outputs": outputs})


def parallel_stdout(results: Sequence[Mapping[str, Value]], outputs: Sequence[Mapping[str, Value]]) -> str:
    """What a ``parallel`` step of ``dag.run`` prints: indented JSON.

    Args:
        results: Of each child run.
        outputs: Of the successful ones.
    """
    return indented_json(
        {"summary": _summary(len(results), len(outputs)), "results": list(results), "outputs": list(outputs)}
    )


def enqueue_stdout(runs: Sequence[Mapping[str, Value]]) -> str:
    """What a ``parallel`` step of ``dag.enqueue`` prints: indented JSON.

    Args:
        runs: ``name``, ``dagRunId``, ``queue`` and ``status`` of each child.
    """
    return indented_json({"summary": {"total": len(runs), "queued": len(runs)}, "runs": list(runs)})


def _parsed(text: str) -> tuple[Value, ...]:
    try:
        value = parse_json(text)
    except ValueError:
        value = None
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return (value,)
    return tuple(word for word in (found.replace('"', "") for found in _WORD.findall(text)) if word)


def _limited(items: tuple[Value, ...], where: str) -> tuple[Value, ...]:
    if len(items) > LIMIT:
        raise ItemsInvalid(f"{where} has {len(items)} items, {LIMIT} are allowed")
    return items


def _summary(total: int, succeeded: int) -> dict[str, int]:
    return {"total": total, "succeeded": succeeded, "failed": total - succeeded}
