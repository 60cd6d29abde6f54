"""``run``: a command, a script, or a list of commands."""

from __future__ import annotations

from typing import Any

from dagu.workflow.model import Run
from dagu.workflow.place import INVALID, Place
from dagu.workflow.shapes.base import Definitions, Schema, Shape
from dagu.workflow.tree import Node


class RunShape(Shape):
    """A text without a line break is a command, with one a script; a list holds commands."""

    takes_null = True

    def read(self, node: Node, place: Place) -> Any:
        if node.kind == "list":
            return self._commands(node, place)
        if not node.is_text:
            return place.refuse(node, f"run must be a text or a list of commands, not {node.described}")
        text = node.text
        if not text.strip():
            return place.refuse(node, "run must not be blank")
        return Run(script=text) if has_line_break(text) else Run(commands=(text,))

    def _commands(self, node: Node, place: Place) -> Any:
        items = [self._command(item, place.item(index)) for index, item in enumerate(node.value)]
        if any(item is INVALID for item in items):
            return INVALID
        commands = tuple(item for item in items if item.strip())
        return Run(commands=commands) if commands else place.refuse(node, "run holds no command")

    def _command(self, item: Node, place: Place) -> Any:
        text = item.text if item.kind == "scalar" else ""
        if item.kind == "map" and len(item.value) == 1 and item.value[0][1].kind == "scalar":
            key, value = item.value[0]  # an unquoted "echo: x" is meant as the text that it looks like
            text = f"{key.text}: {value.text}".rstrip()
        elif item.kind != "scalar":
            return place.refuse(
                item, f"a command of run must be text, not {item.described}", "put it in quotes"
            )
        if has_line_break(text):
            return place.refuse(
                item, "a command of run can't hold a line break", "write a script as the text of run"
            )
        return text

    def schema(self, definitions: Definitions) -> Schema:
        scalar = {"type": ["string", "number", "boolean", "null"]}
        pair = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": scalar}
        return {
            "anyOf": [
                {"type": "string", "pattern": r"\S"},
                {"type": "array", "minItems": 1, "items": {"anyOf": [scalar, pair]}},
            ]
        }


def has_line_break(text: str) -> bool:
    """Whether a text has more than one line."""
    return "\n" in text or "\r" in text
