"""YAML as a tree that knows where everything stands.

Plain scalars are resolved by YAML 1.2's core schema: ``yes``, ``on`` and ``12:30`` are text.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

from dagu.workflow.values.text import to_text

Scalar = str | int | float | bool | None

_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = ("", "~", "null", "Null", "NULL")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_BASED = re.compile(r"0o[0-7]{1,100}|0x[0-9a-fA-F]{1,100}")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_PART = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")


class Node:
    """A scalar, list or mapping of the file. ``line`` and ``column`` count from 1.

    Attributes:
        kind: ``scalar``, ``list`` or ``map``.
        value: The scalar; the items; or the pairs of key and value nodes, in order.
        source: A scalar's text as written, without quotes.
        size: Nodes in it, itself included, aliases expanded.
        height: Levels of nesting in it; 0 for a scalar.
        span: Where a scalar begins and ends in the text, in characters; its anchor and tag are part of it.
    """

    __slots__ = ("column", "file", "height", "kind", "line", "size", "source", "span", "value")

    def __init__(self, kind: str, value: Any, *, file: str, line: int, column: int, source: str = "") -> None:
        self.kind = kind
        self.value = value
        self.file = file
        self.line = line
        self.column = column
        self.source = source
        self.size = 1
        self.height = 0
        self.span = (0, 0)

    @property
    def is_null(self) -> bool:
        """Whether it is a null, written or implied."""
        return self.kind == "scalar" and self.value is None

    @property
    def is_text(self) -> bool:
        """Whether it is a string."""
        return self.kind == "scalar" and isinstance(self.value, str)

    @property
    def text(self) -> str:
        """A scalar as text: numbers in shortest decimal form, booleans in small letters, null empty."""
        return scalar_text(self.value)

    @property
    def described(self) -> str:
        """What it is, for messages: ``a list``, ``the number 3``."""
        if self.kind != "scalar":
            return "a list" if self.kind == "list" else "a mapping"
        if self.value is None:
            return "null"
        if isinstance(self.value, str):
            return f"the text {shortened(self.value)}" if self.value else "an empty text"
        return f"the {'boolean' if isinstance(self.value, bool) else 'number'} {self.source}"

    def get(self, key: str) -> Node | None:
        """A mapping's value of that key; None when there is none, or when this is no mapping."""
        if self.kind == "map":
            for name, value in self.value:
                if name.text == key:
                    return value  # type: ignore[no-any-return]
        return None

    def key(self, name: str) -> Node:
        """The node of a mapping's key; the mapping itself where there is no such key."""
        return next((key for key, _ in self.value if key.text == name), self) if self.kind == "map" else self

    def plain(self) -> Any:
        """The value without positions: scalars, tuples and read-only mappings."""
        if self.kind == "scalar":
            return self.value
        if self.kind == "list":
            return tuple(item.plain() for item in self.value)
        return MappingProxyType({key.text: value.plain() for key, value in self.value})


def shortened(text: str, limit: int = 60) -> str:
    """The text in quotes, cut to about ``limit`` characters."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def scalar_text(value: Scalar) -> str:
    """A scalar as the text that it is in an environment or a command; null is empty."""
    return "" if value is None else to_text(value)


def resolve_scalar(text: str) -> Scalar:
    """The value of a plain scalar. Numbers too long to be meant as such stay text."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] in "+-.0123456789":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _BASED.fullmatch(text):
            return int(text, 0)
        if len(text) <= 300 and _NUMBER.fullmatch(text):
            return float(text)
        if _SPECIAL.fullmatch(text):
            return float(text.lower().replace(".", "", 1))
    return text


def locate(root: Node, path: str) -> Node:
    """The node at a path like ``steps[0].env[2]``, or the deepest one on the way that exists.

    Entries of mappings may be numbered like items of lists.
    """
    node = root
    for match in _PART.finditer(path):
        index, key = match.groups()
        if index is None:
            found = node.get(key)
        elif node.kind == "scalar" or int(index) >= len(node.value):
            found = None
        else:
            found = node.value[int(index)] if node.kind == "list" else node.value[int(index)][1]
        if found is None:
            return node
        node = found
    return node
