"""The shapes that all others are made of.

A shape reads a node into a value, or records what is wrong with it and gives ``INVALID``. It also tells its JSON
Schema, in which ``Definitions`` collects the parts that are named.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

from dagu.workflow.place import INVALID, Place, suggestion
from dagu.workflow.references import has_reference
from dagu.workflow.tree import Node, resolve_scalar, shortened

Schema = dict[str, Any]
Definitions = dict[str, Schema]
Check = Callable[[str], object]
"""Raises ValueError with the reason when a text does not fit."""

WITH_REFERENCE: Schema = {"type": "string", "pattern": r"[$`]"}


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


class Text(Shape):
    """A string.

    Args:
        choices: The only values allowed.
        check: Called with the text unless the text holds a reference.
        scalars: Numbers and booleans become text.
        blank: Whether nothing but blanks is allowed.
        literal: References are not replaced in this field, so the text is judged as it stands.
        strip: Leading and trailing blanks do not count.
    """

    def __init__(
        self,
        *,
        choices: Sequence[str] = (),
        check: Check | None = None,
        scalars: bool = False,
        blank: bool = False,
        literal: bool = False,
        strip: bool = False,
        pattern: str = "",
    ) -> None:
        self.choices = choices
        self.check = check
        self.scalars = scalars
        self.blank = blank
        self.literal = literal
        self.strip = strip
        self.pattern = pattern

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "scalar" or node.value is None or not (node.is_text or self.scalars):
            fix = "put it in quotes" if node.kind == "scalar" and node.value is not None else ""
            return place.refuse(node, f"must be text, not {node.described}", fix)
        text = node.text.strip() if self.strip else node.text
        if not self.blank and not text.strip():
            return place.refuse(node, "must not be blank")
        if not self.literal and has_reference(text):
            return text
        if self.choices and text not in self.choices:
            listed = ", ".join(self.choices)
            return place.refuse(
                node, f"must be one of {listed}; not {shortened(text)}", suggestion(text, self.choices)
            )
        if self.check is not None:
            try:
                self.check(text)
            except ValueError as error:
                return place.refuse(node, str(error))
        return text

    def schema(self, definitions: Definitions) -> Schema:
        if self.choices:
            only: Schema = {"enum": list(self.choices)}
            return only if self.literal else {"anyOf": [only, WITH_REFERENCE]}
        text: Schema = {"type": ["string", "number", "boolean"] if self.scalars else "string"}
        if self.pattern:
            text["pattern"] = self.pattern
        elif not self.blank:
            text["pattern"] = r"\S"
        return text


class Number(Shape):
    """A number.

    Args:
        integer: Whether fractions are refused.
        references: A text with a reference is allowed; it is given as text.
        text: A number in quotes is allowed.
    """

    def __init__(
        self,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
        integer: bool = True,
        references: bool = False,
        text: bool = True,
        above: float | None = None,
    ) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.integer = integer
        self.references = references
        self.text = text
        self.above = above

    def read(self, node: Node, place: Place) -> Any:
        value = node.value if node.kind == "scalar" else None
        if isinstance(value, str):
            if self.references and has_reference(value):
                return value
            value = resolve_scalar(value.strip()) if self.text and value.strip() else None
        what = "an integer" if self.integer else "a number"
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return place.refuse(node, f"must be {what}, not {node.described}")
        if self.integer and isinstance(value, float):
            if not value.is_integer():
                return place.refuse(node, f"must be {what}, not {node.described}")
            value = int(value)
        if (
            (self.minimum is not None and value < self.minimum)
            or (self.maximum is not None and value > self.maximum)
            or (self.above is not None and value <= self.above)
            or abs(value) > 1e15
        ):
            return place.refuse(node, f"must be {what} {self._range()}, not {node.source}")
        return value

    def _range(self) -> str:
        if self.minimum is not None and self.maximum is not None:
            return f"from {self.minimum:,} to {self.maximum:,}"
        if self.above is not None:
            return f"greater than {self.above:,}"
        if self.maximum is not None:
            return f"of at most {self.maximum:,}"
        return f"of at least {self.minimum:,}" if self.minimum is not None else "of a sensible size"

    def schema(self, definitions: Definitions) -> Schema:
        number: Schema = {"type": "integer" if self.integer else "number"}
        for key, bound in (
            ("minimum", self.minimum),
            ("maximum", self.maximum),
            ("exclusiveMinimum", self.above),
        ):
            if bound is not None:
                number[key] = bound
        if not (self.text or self.references):
            return number
        pattern = r"^\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*$" if self.text else ""
        if self.references:
            pattern = f"[$`]|{pattern}" if pattern else "[$`]"
        return {"anyOf": [number, {"type": "string", "pattern": pattern}]}


class Bool(Shape):
    """``true`` or ``false``."""

    def read(self, node: Node, place: Place) -> Any:
        if node.kind == "scalar" and isinstance(node.value, bool):
            return node.value
        return place.refuse(node, f"must be a boolean (true or false), not {node.described}")

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": "boolean"}


class Anything(Shape):
    """Any YAML value, optionally of some kinds only."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds

    def read(self, node: Node, place: Place) -> Any:
        kind = "text" if node.is_text else node.kind
        if self.kinds and kind not in self.kinds:
            listed = " or ".join(_NAMES[name] for name in self.kinds)
            return place.refuse(node, f"must be {listed}, not {node.described}")
        return node.plain()

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": [_TYPES[name] for name in self.kinds]} if self.kinds else {}


_NAMES = {"text": "text", "list": "a list", "map": "a mapping", "scalar": "a number or boolean"}
_TYPES = {"text": "string", "list": "array", "map": "object", "scalar": "number"}


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
    ) -> None:
        self.what = what
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
            return place.refuse(node, f"must be {self.what}, not {node.described}")
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


class Const(Shape):
    """A fixed meaning for a node, whatever it holds (``pull_policy: true``)."""

    takes_null = True

    def __init__(self, convert: Callable[[Any], Any], schema: Schema) -> None:
        self.convert = convert
        self._schema = schema

    def read(self, node: Node, place: Place) -> Any:
        return self.convert(node.value)

    def schema(self, definitions: Definitions) -> Schema:
        return self._schema


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
