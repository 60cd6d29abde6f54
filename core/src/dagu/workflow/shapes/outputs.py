"""What a step gives: ``outputs``, ``output``, ``stdout`` and ``stderr``."""

from __future__ import annotations

import re
from typing import Any

from dagu.workflow.model import DeclaredOutput, OutputEntry, StreamTarget
from dagu.workflow.place import INVALID, Place
from dagu.workflow.shapes.base import ByKind, Definitions, Schema, Shape
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.shapes.scalars import Text
from dagu.workflow.tree import Node, shortened

OUTPUT_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DECODERS = ("text", "json", "yaml")
_SELECT = re.compile(r"\.?[^\s.]+(\.[^\s.]+)*|\.")


class Outputs(Shape):
    """``outputs``: a non-empty list of declarations."""

    takes_null = True

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "list" or not node.value:
            return place.refuse(node, "must be a non-empty sequence of declarations with name and type")
        seen: set[str] = set()
        declared = [self._declared(item, place.item(index), seen) for index, item in enumerate(node.value)]
        return INVALID if any(entry is INVALID for entry in declared) else tuple(declared)

    def _declared(self, node: Node, place: Place, seen: set[str]) -> Any:
        if node.kind != "map":
            return place.refuse(node, f"name is required; write a mapping with name, not {node.described}")
        valid: Any = None
        for key, _ in node.value:
            if key.text not in ("name", "type"):
                valid = place.refuse(key, f"unknown field {shortened(key.text)}; known are name and type")
        kind = node.get("type")
        if kind is not None and kind.value not in ("string", "json"):
            valid = place.key("type").refuse(kind, f"type must be string or json, not {kind.described}")
        name = node.get("name")
        if name is None or name.is_null or name.value == "":
            return place.refuse(node, "name is required")
        if not name.is_text or not OUTPUT_NAME.fullmatch(name.value):
            return place.key("name").refuse(
                name, f"name must match {OUTPUT_NAME.pattern}, and {name.described} does not"
            )
        if name.value in seen:
            return place.key("name").refuse(name, f"duplicate output name {name.value!r}")
        seen.add(name.value)
        if valid is INVALID:
            return INVALID
        return DeclaredOutput(name=name.value, type=kind.value if kind is not None else "string")

    def schema(self, definitions: Definitions) -> Schema:
        declared = {
            "type": "object",
            "properties": {
                "name": {"type": "string", "pattern": f"^{OUTPUT_NAME.pattern}$"},
                "type": {"enum": ["string", "json"]},
            },
            "required": ["name"],
            "additionalProperties": False,
        }
        return {"type": "array", "minItems": 1, "items": declared}


def _check_variable(text: str) -> None:
    if not VARIABLE.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a variable: letters, digits and '_', no digit first")


def check_select(text: str) -> None:
    """Refuse what is no path into a value.

    Raises:
        ValueError: It is not of the form ``.a.b``.
    """
    if not _SELECT.fullmatch(text):
        raise ValueError(f"{text!r} is not a path like .a.b")


_DECODE: dict[str, Shape] = {
    "decode": Text(choices=DECODERS),
    "select": Text(check=check_select),
}


def _from(record: Record) -> Any:
    source = record.get("from")
    if source == "file" and not record.authored("path"):
        record.refuse("path", "required with from: file")
    if source in ("stdout", "stderr") and record.authored("path"):
        record.refuse("path", f"is used with from: file only, not with {source}")
    if not record.whole:
        return INVALID
    return OutputEntry(key="", source=source, **record.select("path", "decode", "select"))


_SOURCE = Object(
    {"from": Text(choices=("stdout", "stderr", "file"), literal=True), "path": Text(), **_DECODE},
    _from,
    required=("from",),
)


def _replaced(entry: OutputEntry, key: str) -> OutputEntry:
    from dataclasses import replace

    return replace(entry, key=key)


class OutputEntries(Shape):
    """Keys to values, or to where a value comes from.

    Args:
        stream: The only source there is (``stdout``): entries may leave ``from`` out, and hold no fixed values.
    """

    def __init__(self, stream: str = "") -> None:
        self.stream = stream

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "map" or not node.value:
            return place.refuse(node, f"must be a mapping of keys to entries, not {node.described}")
        entries = [self._entry(key.text, value, place.key(key.text)) for key, value in node.value]
        return INVALID if any(entry is INVALID for entry in entries) else tuple(entries)

    def _entry(self, key: str, node: Node, place: Place) -> Any:
        keys = [name.text for name, _ in node.value] if node.kind == "map" else []
        if "from" in keys:
            entry = _SOURCE.read(node, place)
            if entry is INVALID:
                return INVALID
            if self.stream and entry.source != self.stream:
                return place.key("from").refuse(node, f"must be {self.stream} here")
            return _replaced(entry, key)
        if self.stream and keys and set(keys) <= {"decode", "select"}:
            record = Object(_DECODE).read(node, place)
            return INVALID if record is INVALID else OutputEntry(key=key, source=self.stream, **record)
        if keys == ["value"]:
            return OutputEntry(key=key, value=node.value[0][1].plain())
        return OutputEntry(key=key, value=node.plain())

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": "object", "minProperties": 1}


OUTPUT: Shape = ByKind(
    what="the name of a variable, or a mapping of keys to entries",
    text=Text(check=_check_variable, strip=True),
    mapping=OutputEntries(),
)


def _field(record: Record) -> Any:
    if len(record.authored("field", "fields")) != 1:
        return record.refuse_all("needs exactly one of field and fields")
    if record.authored("fields"):
        for key in record.authored("decode", "select"):
            record.refuse(key, "belongs to the entries of fields")
        return StreamTarget(outputs=record.get("fields")) if record.whole else INVALID
    return _single(record.get("field"), record.select("decode", "select")) if record.whole else INVALID


def _single(field: str, options: dict[str, str]) -> StreamTarget:
    return StreamTarget(field=field, outputs=(OutputEntry(key=field, source="stdout", **options),))


STREAM_OUTPUTS: Shape = ByKind(
    what="the name of a field, or a mapping with field or fields",
    text=Text(check=_check_variable),
    mapping=Object(
        {"field": Text(check=_check_variable), "fields": OutputEntries("stdout"), **_DECODE}, _field
    ),
)


class Stream(Shape):
    """``stdout`` or ``stderr``: a path, or a mapping with ``artifact``; for stdout also ``outputs``."""

    def __init__(self, *, outputs: bool) -> None:
        fields: dict[str, Shape] = {"artifact": Text()}
        if outputs:
            fields["outputs"] = STREAM_OUTPUTS
        listed = "artifact or outputs" if outputs else "artifact"
        self._shape = ByKind(
            what=f"a path, or a mapping with {listed}", text=Text(), mapping=Object(fields, self._build)
        )

    @staticmethod
    def _build(record: Record) -> Any:
        if record.whole and not record.nodes:
            return record.refuse_all("is an empty mapping")
        if not record.whole:
            return INVALID
        outputs = record.get("outputs")
        if isinstance(outputs, str):
            outputs = _single(outputs, {})
        target = outputs or StreamTarget()
        return StreamTarget(artifact=record.get("artifact", ""), field=target.field, outputs=target.outputs)

    def read(self, node: Node, place: Place) -> Any:
        value = self._shape.read(node, place)
        return StreamTarget(path=value) if isinstance(value, str) else value

    def schema(self, definitions: Definitions) -> Schema:
        return self._shape.schema(definitions)
