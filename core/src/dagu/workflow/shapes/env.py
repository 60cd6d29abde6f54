"""``env``: a mapping, or a list of mappings and ``NAME=value``."""

from __future__ import annotations

import re
from typing import Any

from dagu.workflow.model import EnvEntry
from dagu.workflow.place import INVALID, Place
from dagu.workflow.shapes.base import Definitions, Schema, Shape
from dagu.workflow.tree import Node, shortened

ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORMS = "env is a map or array of NAME: value or NAME=value"


class Env(Shape):
    """Environment entries, in order. Scalars become text."""

    def read(self, node: Node, place: Place) -> Any:
        if node.kind == "map":
            entries = [
                self._entry(key.text, key, value, place.item(index))
                for index, (key, value) in enumerate(node.value)
            ]
        elif node.kind == "list":
            entries = []
            for index, item in enumerate(node.value):
                entries += self._item(item, place.item(index))
        else:
            return place.refuse(node, f"must be a map or array, not {node.described}", _FORMS)
        return INVALID if any(entry is INVALID for entry in entries) else tuple(entries)

    def _item(self, item: Node, place: Place) -> list[Any]:
        if item.kind == "map":
            return [self._entry(key.text, key, value, place) for key, value in item.value]
        if not item.is_text:
            return [place.refuse(item, f"must be a mapping or NAME=value, not {item.described}", _FORMS)]
        name, equals, value = item.text.partition("=")
        if not equals:
            return [place.refuse(item, f"{item.text!r} has no '='; write NAME=value")]
        if not ENV_NAME.fullmatch(name):
            return [place.refuse(item, f"{item.text!r} has no valid name; {_NAMES}")]
        return [EnvEntry(name=name, value=value)]

    def _entry(self, name: str, key: Node, value: Node, place: Place) -> Any:
        if not ENV_NAME.fullmatch(name):
            return place.refuse(key, f"{name!r} is not a valid name; {_NAMES}")
        if value.kind != "scalar":
            return place.refuse(
                value, f"{shortened(name)} must be text, a number or a boolean, not {value.described}", _FORMS
            )
        return EnvEntry(name=name, value=value.text)

    def schema(self, definitions: Definitions) -> Schema:
        if "env" not in definitions:
            value = {"type": ["string", "number", "boolean", "null"]}
            mapping = {
                "type": "object",
                "propertyNames": {"pattern": f"^{ENV_NAME.pattern}$"},
                "additionalProperties": value,
            }
            text = {"type": "string", "pattern": f"^{ENV_NAME.pattern}="}
            definitions["env"] = {"anyOf": [mapping, {"type": "array", "items": {"anyOf": [mapping, text]}}]}
        return {"$ref": "#/$defs/env"}


_NAMES = "names have letters, digits and '_', and start with no digit"
