"""The base config: root fields that lie beneath every document."""

from __future__ import annotations

from typing import Any

from dagu.errors import Problem
from dagu.workflow.parse import parse
from dagu.workflow.place import Place, Reading
from dagu.workflow.tree import Node

_ONE_BY_ONE = ("harness", "harnesses", "handler_on", "registry_auths", "defaults", "artifacts")
"""Mappings whose keys are merged one by one; any other key of the document replaces the base's."""

_BEFORE = ("env", "consts", "secrets")
"""Lists whose base entries come before the document's own."""

_OWN = ("name", "steps")
"""Keys that only a document itself may have."""


class Base:
    """A base config's mapping, or nothing."""

    def __init__(self, root: Node | None = None) -> None:
        self.root = root

    def beneath(self, document: Node) -> Node:
        """The document with the base's fields where it sets none itself."""
        if self.root is None:
            return document
        pairs: list[Any] = []
        for key, value in document.value:
            under = self.root.get(key.text)
            pairs.append((key, _merged(key.text, under, value) if under is not None else value))
        own = {key.text for key, _ in document.value}
        pairs += [(key, value) for key, value in self.root.value if key.text not in own]
        return _like(document, pairs)

    def handlers(self, document: Node) -> tuple[str, ...]:
        """The events whose handler comes from here, as the document has none."""
        mine = self.root.get("handler_on") if self.root is not None else None
        own = document.get("handler_on")
        if mine is None or mine.kind != "map":
            return ()
        return tuple(
            event.text
            for event, step in mine.value
            if not step.is_null and (own is None or own.get(event.text) is None)
        )


def read_base(text: str, name: str, problems: list[Problem]) -> Base:
    """The base config of a text; an empty one is nothing.

    Raises:
        Unparsable: It is not YAML.
    """
    roots = parse(text, file=name, problems=problems)
    if not roots or roots[0].is_null:
        return Base()
    place = Place(Reading(problems, name, "base config: "))
    root = roots[0]
    if root.kind != "map" or len(roots) > 1:
        place.refuse(root, "must be one mapping of root keys")
        return Base()
    for key, _ in root.value:
        if key.text in _OWN:
            place.key(key.text).refuse(
                key, "has no place in a base config, which lies beneath every workflow"
            )
    return Base(_like(root, [pair for pair in root.value if pair[0].text not in _OWN]))


def _merged(key: str, under: Node, over: Node) -> Node:
    if key in _ONE_BY_ONE and under.kind == over.kind == "map":
        own = {name.text for name, _ in over.value}
        return _like(over, [*(pair for pair in under.value if pair[0].text not in own), *over.value])
    if key in _BEFORE and {under.kind, over.kind} <= {"map", "list"}:
        return _like(over, [*_items(under), *_items(over)], kind="list")
    return over


def _items(node: Node) -> list[Node]:
    """A list's items; a mapping as a list of mappings of one entry."""
    return node.value if node.kind == "list" else [_like(node, [pair]) for pair in node.value]


def _like(node: Node, value: list[Any], kind: str = "") -> Node:
    return Node(kind or node.kind, value, file=node.file, line=node.line, column=node.column)
