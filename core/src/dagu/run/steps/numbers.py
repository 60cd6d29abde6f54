"""Numbers that may be written as references."""

from __future__ import annotations

from dagu.errors import UsageError
from dagu.workflow.model import Number
from dagu.workflow.quantities import parse_duration
from dagu.workflow.values.resolve import resolve
from dagu.workflow.values.scope import Scope


def seconds(value: Number, scope: Scope, path: str) -> float:
    """A time in seconds.

    Raises:
        UsageError: It is none once its references are replaced; the message names the field.
    """
    try:
        return parse_duration(resolve(value, scope) if isinstance(value, str) else value)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


def integer(value: Number, scope: Scope, path: str) -> int:
    """A count, zero or more.

    Raises:
        UsageError: It is none once its references are replaced; the message names the field.
    """
    text = resolve(value, scope) if isinstance(value, str) else value
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise UsageError(f"{path}: {text!r} is not a whole number, zero or more")
    return number
