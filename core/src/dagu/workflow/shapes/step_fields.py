"""Fields that only a step has, and that are literal: its id and name, what it depends on."""

from __future__ import annotations

import re
import signal
from typing import Any

from dagu.workflow.place import Place
from dagu.workflow.shapes.base import Definitions, Schema, Shape
from dagu.workflow.tree import Node, shortened

ID = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
RESERVED = ("env", "output", "outputs", "params", "stderr", "stdout", "args")


class Id(Shape):
    """Trimmed; blank counts as absent."""

    def read(self, node: Node, place: Place) -> Any:
        text = node.text.strip() if node.kind == "scalar" else "["
        if not text:
            return ""
        if not ID.fullmatch(text):
            shown = shortened(text) if node.kind == "scalar" else node.described
            return place.refuse(
                node, f"invalid step ID format: {shown}; letters, digits and '_', a letter first"
            )
        if len(text) > 40:
            return place.refuse(node, f"step ID must be at most 40 bytes long, not {len(text)}")
        if text.lower() in RESERVED:
            return place.refuse(node, f"step ID {text!r} is a reserved word", "choose another")
        return text

    def schema(self, definitions: Definitions) -> Schema:
        pattern = rf"^\s*({ID.pattern})?\s*$"
        return {"type": "string", "pattern": pattern, "maxLength": 60}


class Name(Shape):
    """Trimmed; blank counts as absent."""

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "scalar":
            return place.refuse(node, f"must be text, not {node.described}")
        text = node.text.strip()
        size = len(text.encode(errors="replace"))
        if size > 255:
            return place.refuse(node, f"step name must be at most 255 bytes long, not {size}")
        return text

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": ["string", "number", "boolean"], "maxLength": 300}


class Depends(Shape):
    """Null, a text or a list; exact and untrimmed."""

    takes_null = True

    def read(self, node: Node, place: Place) -> Any:
        if node.is_null:
            return ()
        if node.is_text:
            return (node.text,)
        if node.kind != "list" or any(item.kind != "scalar" for item in node.value):
            return place.refuse(node, f"depends must be a string or array of strings, not {node.described}")
        return tuple(item.text for item in node.value)

    def schema(self, definitions: Definitions) -> Schema:
        item = {"type": ["string", "number", "boolean", "null"]}
        return {"anyOf": [{"type": ["string", "null"]}, {"type": "array", "items": item}]}


class Dependencies(Shape):
    """File patterns; inert here, but they must be literal."""

    def read(self, node: Node, place: Place) -> Any:
        items = node.value if node.kind == "list" else [node]
        result: Any = None
        for index, item in enumerate(items):
            here = place.item(index) if node.kind == "list" else place
            if not item.is_text:
                result = here.refuse(
                    item, f"dependencies must be a literal file pattern, not {item.described}"
                )
            elif _has_braced_reference(item.text):
                result = here.refuse(
                    item, f"dependencies must be literal, but {shortened(item.text)} holds a reference"
                )
        return result

    def schema(self, definitions: Definitions) -> Schema:
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def _has_braced_reference(text: str) -> bool:
    from dagu.workflow.values.tokens import tokens

    return any(True for _ in tokens(text))


def check_signal(text: str) -> None:
    """Refuse what is not the name of a signal.

    Raises:
        ValueError: It is none.
    """
    name = text.strip().upper()
    if name.removeprefix("SIG") and f"SIG{name.removeprefix('SIG')}" not in signal.Signals.__members__:
        raise ValueError(f"{text!r} is not the name of a signal; write it like SIGTERM")
