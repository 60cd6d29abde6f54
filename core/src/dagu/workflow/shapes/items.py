"""``parallel`` and ``foreach``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from dagu.workflow.model import Foreach, Parallel
from dagu.workflow.place import INVALID, Place
from dagu.workflow.shapes.base import ByKind, Definitions, ListOf, MapOf, Schema, Shape
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.shapes.scalars import Anything, Text
from dagu.workflow.tree import Node

MAX_CONCURRENT = 1000
IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class _MaxConcurrent(Shape):
    """A literal integer from 1 to 1000."""

    def read(self, node: Node, place: Place) -> Any:
        value = node.value if node.kind == "scalar" else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return place.refuse(node, f"must be an integer from 1 to {MAX_CONCURRENT}, not {node.described}")
        if not 1 <= value <= MAX_CONCURRENT:
            return place.refuse(node, f"must be from 1 to {MAX_CONCURRENT}, not {value}")
        return value

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": "integer", "minimum": 1, "maximum": MAX_CONCURRENT}


class _Item(Shape):
    """A text, a number, or a flat mapping of scalars."""

    def read(self, node: Node, place: Place) -> Any:
        if node.kind == "map":
            nested = [key.text for key, value in node.value if value.kind != "scalar"]
            if nested:
                return place.refuse(node, f"an item must be flat, but {', '.join(nested)} is nested")
            return node.plain()
        if node.kind == "list" or node.value is None or isinstance(node.value, bool):
            return place.refuse(
                node, f"an item must be text, a number or a flat mapping, not {node.described}"
            )
        return node.value

    def schema(self, definitions: Definitions) -> Schema:
        flat = {"type": ["string", "number", "boolean", "null"]}
        return {"anyOf": [{"type": ["string", "number"]}, {"type": "object", "additionalProperties": flat}]}


_ITEMS = ListOf(_Item(), what="a list of items")
_ITEMS_OR_TEXT = ByKind(what="a list of items, or a text that gives one", text=Text(), items=_ITEMS)

PARALLEL: Shape = ByKind(
    what="a list of items, a text that gives one, or a mapping with items and max_concurrent",
    text=Text(),
    items=_ITEMS,
    mapping=Object(
        {"items": _ITEMS_OR_TEXT, "max_concurrent": _MaxConcurrent()},
        lambda record: Parallel(**record.values) if record.whole else INVALID,
        required=("items",),
    ),
)


class ParallelShape(Shape):
    """The short forms hold the items only."""

    def read(self, node: Node, place: Place) -> Any:
        value = PARALLEL.read(node, place)
        return value if value is INVALID or isinstance(value, Parallel) else Parallel(items=value)

    def schema(self, definitions: Definitions) -> Schema:
        return PARALLEL.schema(definitions)


def _check_identifier(text: str) -> None:
    if not IDENTIFIER.fullmatch(text):
        raise ValueError(f"{text!r} is not an identifier: letters, digits and '_', a letter first")


def _check_as(text: str) -> None:
    _check_identifier(text)
    if text in ("index", "key"):
        raise ValueError(f"{text!r} is taken by ${{foreach.{text}}}")


def _foreach(record: Record) -> Any:
    if not record.whole:
        return INVALID
    return Foreach(
        name=record.get("as", "item"), **record.select("items", "steps", "key", "max_concurrent", "collect")
    )


def foreach(steps: Callable[[], Shape]) -> Object:
    """The shape of ``foreach``, given that of its body."""
    from dagu.workflow.shapes.base import Named

    return Object(
        {
            "items": ByKind(
                what="a list, or a text that gives a JSON array", text=Text(), items=Anything("list")
            ),
            "as": Text(literal=True, check=_check_as),
            "key": Text(scalars=True),
            "max_concurrent": _MaxConcurrent(),
            "collect": MapOf(Text(blank=True), key=_check_identifier),
            "steps": Named("steps", steps, takes_null=True),
        },
        _foreach,
        required=("items", "steps"),
    )
