"""Whether values fit what is declared: the rules of definitions, or a JSON Schema around them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagu.workflow.model import EMPTY, Param, Value
from dagu.workflow.values.errors import ParamsInvalid, PatternInvalid
from dagu.workflow.values.param_rules import problem_with
from dagu.workflow.values.patterns import Pattern
from dagu.workflow.values.text import plain, to_text


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
    if schema is None:
        yield from _broken_rules(declared, values)
        return
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import extend, validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    whole = plain(schema)
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


def _broken_rules(declared: Sequence[Param], values: Mapping[str, Value]) -> Iterator[str]:
    for param in declared:
        try:
            problem = problem_with(values[param.name], param.schema) if param.name in values else ""
        except PatternInvalid as error:
            raise ParamsInvalid(f"params: {param.name}: {error.message}", hint=error.hint) from error
        if problem:
            yield f"params: {param.name}: {to_text(values[param.name])!r} {problem}"


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if not isinstance(value, str):
        return
    try:
        if not Pattern(pattern).search(value):
            yield ValidationError(f"{value!r} does not match {pattern!r}")
    except PatternInvalid as error:
        raise ParamsInvalid(f"params: {error.message}", hint=error.hint) from error
