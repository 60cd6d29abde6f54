"""The shape of a mapping with known keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dagu.workflow.place import INVALID, Invalid, Place, suggestion
from dagu.workflow.shapes.base import Definitions, Schema, Shape
from dagu.workflow.tree import Node

Build = Callable[["Record"], Any]


class Record:
    """A mapping that was read key by key. What was refused counts as authored, but has no value."""

    def __init__(self, node: Node, place: Place) -> None:
        self.node = node
        self.place = place
        self.values: dict[str, Any] = {}
        self.nodes: dict[str, Node] = {}
        self.keys: dict[str, Node] = {}
        self.whole = True

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default when it is absent or was refused."""
        return self.values.get(key, default)

    def authored(self, *keys: str) -> list[str]:
        """Those of the keys that the file sets, in the order given."""
        return [key for key in keys if key in self.nodes]

    def has(self, key: str) -> bool:
        """Whether the key is set and its value was accepted."""
        return key in self.values

    def refuse(self, key: str, message: str, hint: str = "") -> Invalid:
        """Record a problem with a key, at the key where it is authored."""
        self.whole = False
        return self.place.key(key).refuse(self.keys.get(key, self.node), message, hint)

    def refuse_all(self, message: str, hint: str = "") -> Invalid:
        """Record a problem with the whole mapping."""
        self.whole = False
        return self.place.refuse(self.node, message, hint)

    def select(self, *keys: str) -> dict[str, Any]:
        """The values of those keys that have one."""
        return {key: self.values[key] for key in keys if key in self.values}


class Object(Shape):
    """A mapping with known keys.

    Args:
        fields: Key to shape, read in this order.
        build: Makes the value of a record; by default a read-only mapping. It may record problems.
        required: Keys that must be there.
        refused: Keys that are no part of this, each with the reason, or what to write in its place.
        unknown: How the message calls a key that is not known.
        what: What the mapping is, for messages.
        schema_extra: Merged into the JSON Schema.
    """

    def __init__(
        self,
        fields: Mapping[str, Shape],
        build: Build | None = None,
        *,
        required: Sequence[str] = (),
        refused: Mapping[str, str] = MappingProxyType({}),
        unknown: str = "invalid keys",
        what: str = "a mapping",
        schema_extra: Schema | None = None,
    ) -> None:
        self.fields = fields
        self.build = build
        self.required = required
        self.refused = refused
        self.unknown = unknown
        self.what = what
        self.schema_extra = schema_extra

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "map":
            return place.refuse(node, f"must be {self.what}, not {node.described}")
        record = self.record(node, place)
        if self.build is None:
            return MappingProxyType(record.values) if record.whole else INVALID
        return self.build(record)

    def record(self, node: Node, place: Place) -> Record:
        """The mapping's values, after every problem of its own was recorded."""
        record = Record(node, place)
        known: dict[str, tuple[Node, Node]] = {}
        for key, value in node.value:
            name = key.text
            if name in self.fields:
                known[name] = (key, value)
                continue
            record.whole = False
            hint = self.refused.get(name) or suggestion(name, self.fields)
            place.key(name).refuse(key, f"{self.unknown}: {name}", hint)
        for name, shape in self.fields.items():
            if name not in known:
                if name in self.required:
                    record.refuse(name, "required, but missing")
                continue
            key, value = known[name]
            if value.is_null and not shape.takes_null:
                if name in self.required:
                    record.refuse(name, "required, but null")
                continue
            record.keys[name], record.nodes[name] = key, value
            result = shape.read(value, place.key(name))
            if result is INVALID:
                record.whole = False
            else:
                record.values[name] = result
        return record

    def schema(self, definitions: Definitions) -> Schema:
        properties = {
            name: shape.schema(definitions) if name in self.required else _nullable(shape, definitions)
            for name, shape in self.fields.items()
        }
        result: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        if self.required:
            result["required"] = list(self.required)
        return result | (self.schema_extra or {})


def _nullable(shape: Shape, definitions: Definitions) -> Schema:
    schema = shape.schema(definitions)
    if shape.takes_null or not schema:
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}
