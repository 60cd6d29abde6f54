"""Values of parameters that need no turning into anything: texts, defaults, and what was not given.

typer hands every value to pydantic, which takes longer to import than all that a small command does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_OTHER = object()


def take_as_they_are(command: Any) -> None:
    """Let such values of a command by, where typer tells what a parameter takes."""
    usual = command.get_params

    def get_params(context: Any) -> Any:
        return [_light(parameter) for parameter in usual(context)]

    command.get_params = get_params


def _light(parameter: Any) -> Any:
    if hasattr(parameter, "type_descriptor") and "process_value" not in vars(parameter):
        parameter.process_value = _process(parameter, parameter.process_value)
    return parameter


def _process(parameter: Any, usual: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def process(context: Any, value: Any) -> Any:
        taken = _as_it_is(parameter, value)
        if taken is _OTHER or (parameter.required and not taken):
            return usual(context, value)
        return taken if parameter.callback is None else parameter.callback(context, parameter, taken)

    return process


def _as_it_is(parameter: Any, value: Any) -> Any:
    kind = parameter.type_descriptor.annotation
    if kind == list[str] and not isinstance(value, str):
        return list(value or ()) if all(isinstance(each, str) for each in value or ()) else _OTHER
    if value is None and not parameter.multiple and parameter.nargs == 1:
        return None
    return value if isinstance(kind, type) and isinstance(value, kind) else _OTHER
