"""From what a caller gives to the values of the declared parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace

from dagu.frozen import dataclass
from dagu.workflow.model import EMPTY, Param, Params, Value
from dagu.workflow.values.errors import ParamsInvalid, ValueFailed
from dagu.workflow.values.param_rules import coerce
from dagu.workflow.values.params_schema import declared_by, violations
from dagu.workflow.values.params_tokens import CallerInput
from dagu.workflow.values.text import compact_json, to_text


@dataclass(frozen=True, kw_only=True)
class ParamValues:
    """The values of a run's parameters, all text.

    Attributes:
        entries: In order: the name and value of each; positional ones are named by their number.
        named: Those that ``${params.n}`` and the environment have.
        payload: The caller's JSON, kept as it was given.
    """

    entries: tuple[tuple[str, str], ...] = ()
    named: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    payload: str | None = None

    @property
    def json(self) -> str | None:
        """``${params}``, also ``DAG_PARAMS_JSON``; None where nothing has a value."""
        if self.payload is not None:
            return self.payload
        return compact_json(dict(self.entries)) if self.entries else None


Evaluator = Callable[[str, ParamValues], str]
"""Evaluates the text of an ``eval``, given the parameters that are chosen already.

Raises:
    ValueFailed: It can't be evaluated.
"""


def choose_params(
    params: Params,
    given: CallerInput,
    *,
    evaluate: Evaluator,
    schema: Mapping[str, Value] | None = None,
) -> ParamValues:
    """The value of each parameter: the caller's, else its ``eval``, else its default, else none.

    Args:
        schema: The JSON Schema that ``params.schema`` names, where that is a path or URL.

    Raises:
        ParamsInvalid: The input does not fit the declarations. Every violation is told.
    """
    if schema is None and isinstance(params.schema, str):
        raise TypeError("a schema by path or URL has to be read and passed")
    schema = params.schema if schema is None and isinstance(params.schema, Mapping) else schema
    declared = params.declared if schema is None else declared_by(schema, params.values)
    texts, extra = _filled(declared, given, schema)
    chosen = ParamValues(payload=given.payload)
    values: dict[str, Value] = {}
    problems: list[str] = []
    for position, param in enumerate(declared):
        name = param.name or str(position + 1)
        value = _selected(param, name, texts.get(position), evaluate, chosen)
        if value is None:
            if param.required:
                problems.append(f"params: {name} is required and has no value")
            continue
        try:
            values[name] = coerce(value, param.schema)
        except ParamsInvalid as error:
            problems.append(f"params: {name}: {error.message}")
            continue
        chosen = _added(chosen, name, to_text(values[name]), named=bool(param.name))
    for position, (name, value) in enumerate(extra, start=len(declared) + 1):
        values[name or str(position)] = value
        chosen = _added(chosen, name or str(position), to_text(value), named=bool(name))
    problems += violations(declared, values, schema)
    if problems:
        raise ParamsInvalid("; ".join(problems))
    return chosen


def _filled(
    declared: Sequence[Param], given: CallerInput, schema: Mapping[str, Value] | None
) -> tuple[dict[int, Value], list[tuple[str, Value]]]:
    """The caller's values by the position of their declaration, and those that no declaration takes."""
    positions = {param.name: position for position, param in enumerate(declared) if param.name}
    is_open = not positions or bool(schema and schema.get("additionalProperties"))
    limit = 0 if schema is not None else len(declared)
    taken: dict[int, Value] = {}
    extra: list[tuple[str, Value]] = []
    unknown: list[str] = []
    count = 0
    for name, value in given.tokens:
        if name in positions:
            taken[positions[name]] = value
        elif name and not is_open:
            unknown.append(name)
        elif name or (not declared and schema is None):
            extra.append((name, value))
        else:
            taken[count] = value
            count += 1
    if unknown:
        raise ParamsInvalid(
            f"params: unknown parameter: {', '.join(unknown)}", hint=f"declared are {', '.join(positions)}"
        )
    if count > limit:
        raise ParamsInvalid(
            f"params: too many positional params: {count} given, {limit} expected",
            hint="a schema takes named input only: NAME=value" if schema is not None else "",
        )
    return taken, extra


def _selected(param: Param, name: str, given: Value, evaluate: Evaluator, chosen: ParamValues) -> Value:
    if given is not None:
        return given
    if param.eval:
        try:
            return evaluate(param.eval, chosen)
        except ValueFailed as error:
            if not param.has_default:
                raise ParamsInvalid(
                    f"params: {name}: eval failed: {error.message}", hint=error.hint
                ) from error
    return param.default if param.has_default else None


def _added(chosen: ParamValues, name: str, value: str, *, named: bool) -> ParamValues:
    return replace(
        chosen,
        entries=tuple({**dict(chosen.entries), name: value}.items()),
        named={**chosen.named, name: value} if named else chosen.named,
    )
