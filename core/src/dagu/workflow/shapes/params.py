"""``params`` in every form: text, list, mapping, definitions, JSON Schema."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

from dagu.workflow.model import Param, Params
from dagu.workflow.place import INVALID, Place
from dagu.workflow.shapes.base import Definitions, ListOf, Schema, Shape
from dagu.workflow.shapes.param_rules import rule_problem
from dagu.workflow.shapes.patterns import check_pattern
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.shapes.scalars import Bool, Number, Text
from dagu.workflow.tree import Node, scalar_text, shortened
from dagu.workflow.values.errors import ParamsInvalid, PatternInvalid
from dagu.workflow.values.param_rules import coerced, problem_with
from dagu.workflow.values.params_tokens import split_tokens

PARAM_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SCALARS: Schema = {"type": ["string", "number", "boolean", "null"]}


def _definition(record: Record) -> Any:
    name = record.get("name")
    if len(record.keys) < 2 and record.whole:
        return record.refuse_all(
            f"the parameter with name {name!r} needs at least one field beside its name",
            "such as type, default or required; or write '- NAME: default'",
        )
    rules = {json: record.get(key) for key, json in _RULES.items() if record.has(key)}
    kind = record.get("type", "string")
    reason = rule_problem(kind, rules) if record.whole else None
    if reason is not None:
        key, why = reason
        return record.refuse(_KEYS[key], f"the parameter with name {name!r}: {why}")
    if "enum" in rules:
        rules["enum"] = tuple(coerced(value, {"type": kind}) for value in rules["enum"])
    schema = MappingProxyType({"type": kind, **rules})
    if record.whole and record.has("default"):
        wrong = problem_with(record.get("default"), schema)
        if wrong:
            return record.refuse("default", f"the parameter with name {name!r}: its default {wrong}")
    if not record.whole:
        return INVALID
    return Param(
        name=name,
        default=coerced(record.get("default"), schema) if record.has("default") else None,
        has_default=record.has("default"),
        schema=schema,
        **record.select("eval", "required", "description"),
    )


_RULES = {
    "enum": "enum",
    "minimum": "minimum",
    "maximum": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
}
_KEYS = {json: key for key, json in _RULES.items()}


def _check_name(text: str) -> None:
    if not PARAM_NAME.fullmatch(text):
        raise ValueError(
            f"{shortened(text)} is not a valid name; names have letters, digits and '_', a letter first"
        )


def _wrong(default: Any, schema: Any) -> str:
    try:
        return problem_with(default, schema)
    except PatternInvalid:
        return ""  # the run tells it, with whatever else is wrong with the schema


class _Scalar(Shape):
    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "scalar" or node.value is None:
            return place.refuse(node, f"must be text, a number or a boolean, not {node.described}")
        return node.value

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": ["string", "number", "boolean"]}


_NUMBER = Number(integer=False, text=False)
_LENGTH = Number(minimum=0, text=False)

DEFINITION = Object(
    {
        "name": Text(literal=True, check=_check_name),
        "type": Text(choices=("string", "integer", "number", "boolean"), literal=True),
        "default": _Scalar(),
        "eval": Text(),
        "required": Bool(),
        "enum": ListOf(_Scalar(), minimum=1),
        "minimum": _NUMBER,
        "maximum": _NUMBER,
        "min_length": _LENGTH,
        "max_length": _LENGTH,
        "pattern": Text(literal=True, check=check_pattern),
        "description": Text(literal=True, scalars=True, blank=True),
    },
    _definition,
    required=("name",),
    unknown="unknown field of a parameter with name, type, default, ...",
)


class ParamsShape(Shape):
    """``params``; the value is a :class:`~dagu.workflow.model.Params`."""

    def read(self, node: Node, place: Place) -> Any:
        if node.kind == "scalar":
            return self._text(node, place)
        if node.kind == "map":
            return self._mapping(node, place)
        declared: list[Any] = []
        seen: set[str] = set()
        for index, item in enumerate(node.value):
            declared += self._item(item, place.item(index), seen)
        return INVALID if any(param is INVALID for param in declared) else Params(declared=tuple(declared))

    def _text(self, node: Node, place: Place) -> Any:
        seen: set[str] = set()
        declared = self._tokens(node, place, seen)
        return INVALID if any(param is INVALID for param in declared) else Params(declared=tuple(declared))

    def _tokens(self, node: Node, place: Place, seen: set[str]) -> list[Any]:
        try:
            tokens = split_tokens(node.text)
        except ParamsInvalid as error:
            return [place.refuse(node, error.message.removeprefix("params: "))]
        return [
            self._named(name, value, node, place, seen)
            if name
            else Param(name="", default=value, has_default=True)
            for name, value in tokens
        ]

    def _item(self, item: Node, place: Place, seen: set[str]) -> list[Any]:
        if item.kind == "list" or item.is_null:
            return [place.refuse(item, f"must be text or a mapping with name, not {item.described}")]
        if item.kind == "scalar":
            return self._tokens(item, place, seen)
        if item.get("name") is not None:
            param = DEFINITION.read(item, place)
            if param is not INVALID and not self._new(param.name, item, place, seen):
                return [INVALID]
            return [param]
        if len(item.value) != 1:
            hint = "a definition needs 'name'; otherwise write one 'NAME: default' an item"
            return [place.refuse(item, f"must have a name, or exactly one key, not {len(item.value)}", hint)]
        key, value = item.value[0]
        return [self._named(key.text, value, key, place, seen)]

    def _named(self, name: str, value: Node | str, at: Node, place: Place, seen: set[str]) -> Any:
        try:
            _check_name(name)
        except ValueError as error:
            return place.refuse(at, str(error))
        if not self._new(name, at, place, seen):
            return INVALID
        if isinstance(value, str):
            return Param(name=name, default=value, has_default=True)
        if value.kind != "scalar":
            return place.refuse(
                value, f"the default of the parameter with name {name!r} can't be {value.described}"
            )
        return Param(name=name, default=None if value.is_null else value.text, has_default=not value.is_null)

    @staticmethod
    def _new(name: str, at: Node, place: Place, seen: set[str]) -> bool:
        if name in seen:
            place.refuse(at, f"the name {name!r} is declared twice")
            return False
        seen.add(name)
        return True

    def _mapping(self, node: Node, place: Place) -> Any:
        kind, properties, schema = node.get("type"), node.get("properties"), node.get("schema")
        if kind is not None and kind.value == "object" and properties is not None:
            return self._inline(node, place, node.get("values"))
        if schema is not None and self._is_schema(node, schema):
            return self._referenced(node, schema, place)
        seen: set[str] = set()
        declared = [self._named(key.text, value, key, place, seen) for key, value in node.value]
        return INVALID if any(param is INVALID for param in declared) else Params(declared=tuple(declared))

    @staticmethod
    def _is_schema(node: Node, schema: Node) -> bool:
        if not {key.text for key, _ in node.value} <= {"schema", "values"}:
            return False
        text = schema.value if schema.is_text else ""
        return schema.kind == "map" or node.get("values") is not None or bool(re.search(r"[./\\]", text))

    def _referenced(self, node: Node, schema: Node, place: Place) -> Any:
        values = node.get("values")
        if values is not None and values.kind not in ("map", "scalar"):
            return place.key("values").refuse(values, f"must be a mapping, not {values.described}")
        if schema.kind == "map":
            return self._inline(schema, place, values, inside=place.key("schema"))
        if not schema.is_text and not isinstance(schema.value, bool):
            return place.key("schema").refuse(
                schema, f"must be a path, a URL or a JSON Schema, not {schema.described}"
            )
        given = values.plain() if values is not None and values.kind == "map" else MappingProxyType({})
        return Params(
            schema=schema.value if schema.is_text else MappingProxyType({}),
            values=given,
            declared=tuple(
                Param(name=name, default=value, has_default=True) for name, value in given.items()
            ),
        )

    def _inline(self, node: Node, place: Place, values: Node | None, inside: Place | None = None) -> Any:
        properties, required = node.get("properties"), node.get("required")
        names = required.plain() if required is not None and required.kind == "list" else ()
        given = values.plain() if values is not None and values.kind == "map" else {}
        here = inside or place
        declared: list[Any] = []
        for key, value in properties.value if properties is not None and properties.kind == "map" else ():
            declared.append(self._property(key, value, here, key.text in names, given))
        if any(param is INVALID for param in declared):
            return INVALID
        known = {param.name for param in declared}
        declared += [
            Param(name=name, default=value, has_default=True)
            for name, value in given.items()
            if name not in known
        ]
        return Params(schema=node.plain(), values=MappingProxyType(dict(given)), declared=tuple(declared))

    def _property(self, key: Node, value: Node, place: Place, required: bool, given: Any) -> Any:
        name = key.text
        place = place.key("properties").key(name)
        if not PARAM_NAME.fullmatch(name):
            return place.refuse(key, f"{shortened(name)} is not a valid name")
        if value.kind != "map":
            return place.refuse(value, f"the schema of the name {name!r} must be a mapping")
        schema = value.plain()
        default = given.get(name, schema.get("default"))
        has_default = name in given or "default" in schema
        wrong = _wrong(default, schema) if has_default else ""
        if wrong:
            return place.refuse(value, f"the parameter with name {name!r}: its default {wrong}")
        return Param(
            name=name,
            default=default,
            has_default=has_default,
            required=required,
            schema=schema,
            description=scalar_text(schema.get("description", ""))
            if not isinstance(schema.get("description"), (tuple, MappingProxyType))
            else "",
        )

    def schema(self, definitions: Definitions) -> Schema:
        names = {"pattern": f"^{PARAM_NAME.pattern}$"}
        one: Schema = {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "propertyNames": names,
            "not": {"required": ["name"]},
            "additionalProperties": _SCALARS,
        }
        text: Schema = {"type": ["string", "number", "boolean"]}
        inline: Schema = {
            "type": "object",
            "required": ["type", "properties"],
            "properties": {"type": {"const": "object"}, "properties": {"type": "object"}},
        }
        by_schema: Schema = {
            "type": "object",
            "required": ["schema"],
            "properties": {
                "schema": {"type": ["string", "object", "boolean"]},
                "values": {"type": "object"},
            },
            "additionalProperties": False,
        }
        plain: Schema = {"type": "object", "propertyNames": names, "additionalProperties": _SCALARS}
        items = {"anyOf": [text, one, DEFINITION.schema(definitions)]}
        return {"anyOf": [text, {"type": "array", "items": items}, inline, by_schema, plain]}
