"""The shapes that all others are made of.

A shape reads a node into a value, or records what is wrong with it and gives ``INVALID``. It also tells its JSON
Schema, in which ``Definitions`` collects the parts that are named.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

from dagu.workflow.place import INVALID, Place
from dagu.workflow.tree import Node

Schema = dict[str, Any]
Definitions = dict[str, Schema]
Check = Callable[[str], object]
"""Raises ValueError with the reason when a text does not fit."""


class Shape(ABC):
    """What a value must be."""

    takes_null = False
    """Whether a null is this shape's business; otherwise a key with a null counts as absent."""

    @abstractmethod
    def read(self, node: Node, place: Place) -> Any:
        """The value, or ``INVALID`` after recording why."""

    @abstractmethod
    def schema(self, definitions: Definitions) -> Schema:
        """The JSON Schema (Draft 2020-12) of what this shape accepts."""


class ListOf(Shape):
    """A list of a shape, as a tuple.

    Args:
        single: One item may stand without the list.
        split: A single text is made a list by this; it may raise ValueError.
    """

    def __init__(
        self,
        item: Shape,
        *,
        single: bool = False,
        split: Callable[[str], Sequence[str]] | None = None,
        minimum: int = 0,
        what: str = "a list",
    ) -> None:
        self.item = item
        self.single = single
        self.split = split
        self.minimum = minimum
        self.what = what

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "list":
            if self.split is not None and node.is_text:
                return self._from_text(node, place)
            if self.single and not node.is_null:
                value = self.item.read(node, place)
                return INVALID if value is INVALID else (value,)
            return place.refuse(node, f"must be {self.what}, not {node.described}")
        if len(node.value) < self.minimum:
            return place.refuse(node, f"must be {self.what} that is not empty")
        values = [self.item.read(item, place.item(index)) for index, item in enumerate(node.value)]
        return INVALID if any(value is INVALID for value in values) else tuple(values)

    def _from_text(self, node: Node, place: Place) -> Any:
        assert self.split is not None
        try:
            words = tuple(self.split(node.text))
        except ValueError as error:
            return place.refuse(node, f"can't be split into words: {error}")
        return words or place.refuse(node, "must not be blank")

    def schema(self, definitions: Definitions) -> Schema:
        item = self.item.schema(definitions)
        items: Schema = {"type": "array", "items": item}
        if self.minimum:
            items["minItems"] = self.minimum
        if self.split is not None:
            return {"anyOf": [{"type": "string", "pattern": r"\S"}, items]}
        return {"anyOf": [item, items]} if self.single else items


class MapOf(Shape):
    """A mapping whose keys are free, as a read-only mapping."""

    def __init__(self, value: Shape, *, key: Check | None = None, what: str = "a mapping") -> None:
        self.value = value
        self.key = key
        self.what = what

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "map":
            return place.refuse(node, f"must be {self.what}, not {node.described}")
        result: dict[str, Any] = {}
        valid = True
        for key, item in node.value:
            if self.key is not None:
                try:
                    self.key(key.text)
                except ValueError as error:
                    place.refuse(key, str(error))
                    valid = False
            result[key.text] = self.value.read(item, place.key(key.text))
            valid = valid and result[key.text] is not INVALID
        return MappingProxyType(result) if valid else INVALID

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": "object", "additionalProperties": self.value.schema(definitions)}


class ByKind(Shape):
    """Another shape for each kind of node, so that a mistake is judged by what was meant.

    Args:
        what: All that is allowed, for the message when the kind is none of them.
        secret: The value is never shown.
    """

    def __init__(
        self,
        *,
        what: str,
        text: Shape | None = None,
        number: Shape | None = None,
        boolean: Shape | None = None,
        items: Shape | None = None,
        mapping: Shape | None = None,
        null: Shape | None = None,
        secret: bool = False,
    ) -> None:
        self.what = what
        self.secret = secret
        self.kinds = {
            "text": text,
            "number": number,
            "boolean": boolean,
            "list": items,
            "map": mapping,
            "null": null,
        }
        self.takes_null = null is not None

    def read(self, node: Node, place: Place) -> Any:
        shape = self.kinds[_kind(node)]
        if shape is None:
            described = f"of kind {_kind(node)}" if self.secret else node.described
            return place.refuse(node, f"must be {self.what}, not {described}")
        return shape.read(node, place)

    def schema(self, definitions: Definitions) -> Schema:
        shapes: list[Shape] = []
        for shape in self.kinds.values():
            if shape is not None and shape not in shapes:
                shapes.append(shape)
        return {"anyOf": [shape.schema(definitions) for shape in shapes]}


def _kind(node: Node) -> str:
    if node.kind != "scalar":
        return node.kind
    if node.value is None:
        return "null"
    if isinstance(node.value, bool):
        return "boolean"
    return "text" if isinstance(node.value, str) else "number"


class Named(Shape):
    """A shape with a name of its own in the JSON Schema; made late, so that it may hold itself."""

    def __init__(self, name: str, make: Callable[[], Shape], *, takes_null: bool = False) -> None:
        self.name = name
        self.make = make
        self.takes_null = takes_null
        self._shape: Shape | None = None

    @property
    def shape(self) -> Shape:
        """The shape behind the name."""
        if self._shape is None:
            self._shape = self.make()
        return self._shape

    def read(self, node: Node, place: Place) -> Any:
        return self.shape.read(node, place)

    def schema(self, definitions: Definitions) -> Schema:
        if self.name not in definitions:
            definitions[self.name] = {}
            definitions[self.name] = self.shape.schema(definitions)
        return {"$ref": f"#/$defs/{self.name}"}
