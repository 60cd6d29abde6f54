"""What a parameter's schema makes of its value: coercion first, then JSON Schema."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagu.workflow.model import EMPTY, Param, Value
from dagu.workflow.values.errors import ParamsInvalid, PatternInvalid
from dagu.workflow.values.patterns import Pattern
from dagu.workflow.values.text import parse_json, plain, to_text

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def coerce(value: Value, schema: Mapping[str, Value]) -> Value:
    """A value in the type that its schema asks for; text where it asks for none. Other types stay as they are.

    Raises:
        ParamsInvalid: The text is none of that type.
    """
    kinds = schema.get("type", "string")
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if not isinstance(value, str):
        return to_text(value) if kinds == ["string"] else value
    for kind in kinds:
        try:
            return _converted(value, kind)
        except ValueError:
            continue
    raise ParamsInvalid(f"cannot coerce {value!r} to {' or '.join(kinds)}")


def declared_by(schema: Mapping[str, Value], values: Mapping[str, Value] = EMPTY) -> tuple[Param, ...]:
    """The parameters that a JSON Schema's properties declare. ``values`` take the place of its defaults."""
    properties: Mapping[str, Value] = schema.get("properties") or {}
    rules = {name: rule if isinstance(rule, Mapping) else EMPTY for name, rule in properties.items()}
    defaults = {name: rule["default"] for name, rule in rules.items() if "default" in rule} | dict(values)
    return tuple(
        Param(name=name, default=defaults.get(name), has_default=name in defaults, schema=rule)
        for name, rule in rules.items()
    )


def violations(
    declared: Sequence[Param], values: Mapping[str, Value], schema: Mapping[str, Value] | None = None
) -> Iterator[str]:
    """What is wrong with coerced values, by the schemas of their parameters or the one around them all.

    Raises:
        ParamsInvalid: A schema is none.
    """
    if schema is None and all(param.schema.keys() <= {"type"} for param in declared):
        return
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import extend, validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    rules = {param.name: _rules(param.schema) for param in declared if param.name}
    whole = {"properties": rules} if schema is None else plain(schema)
    dialect: Any = validator_for(whole, default=Draft202012Validator)
    try:
        dialect.check_schema(whole, format_checker=None)  # patterns are RE2's to judge
        # A registry of its own keeps references from being fetched.
        checked = extend(dialect, {"pattern": _pattern})(whole, registry=Registry())  # type: ignore[no-untyped-call]
        for found in checked.iter_errors(plain(values)):
            place = ".".join(str(key) for key in found.absolute_path)
            yield f"params: {place}: {found.message}" if place else f"params: {found.message}"
    except SchemaError as error:
        raise ParamsInvalid(f"params: the schema itself is invalid: {error.message}") from error
    except Unresolvable as error:
        raise ParamsInvalid(f"params: the schema refers to {error.ref!r}, which it does not hold") from error


def _rules(schema: Mapping[str, Value]) -> Any:
    """The rules of one definition, the values of its ``enum`` in its type: ``enum: [1, 2]`` of text is text."""
    if "enum" not in schema:
        return plain(schema)
    return plain({**schema, "enum": [coerce(value, schema) for value in schema["enum"]]})


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if not isinstance(value, str):
        return
    try:
        if not Pattern(pattern).search(value):
            yield ValidationError(f"{value!r} does not match {pattern!r}")
    except PatternInvalid as error:
        raise ParamsInvalid(f"params: {error.message}", hint=error.hint) from error


def _converted(text: str, kind: str) -> Value:
    match kind:
        case "integer":
            if not _INTEGER.fullmatch(text.strip()):
                raise ValueError(text)
            return int(text)
        case "number":
            if _INTEGER.fullmatch(text.strip()):
                return int(text)
            if not _NUMBER.fullmatch(text.strip()) or not math.isfinite(number := float(text)):
                raise ValueError(text)
            return number
        case "boolean":
            if text.strip().lower() not in ("true", "false"):
                raise ValueError(text)
            return text.strip().lower() == "true"
        case "array" | "object":
            return parse_json(text)
        case "null":
            raise ValueError(text)
        case _:
            return text
