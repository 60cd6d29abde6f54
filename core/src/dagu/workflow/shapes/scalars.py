"""The shapes of single values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from dagu.workflow.place import Place, suggestion
from dagu.workflow.references import has_reference
from dagu.workflow.shapes.base import Check, Definitions, Schema, Shape
from dagu.workflow.tree import Node, resolve_scalar, shortened

WITH_REFERENCE: Schema = {"type": "string", "pattern": r"[$`]"}


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
