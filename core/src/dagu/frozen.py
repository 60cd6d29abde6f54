"""``dataclass``, made quickly.

A command of dagu makes more than a hundred frozen dataclasses before it does anything. Before Python 3.13 the standard
decorator compiles six functions for each, one by one, which takes a third of the time to start. This one compiles the
constructor only, and gives the same class otherwise. Type checkers see the standard one.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or sys.version_info >= (3, 13):
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, **options: bool) -> Any:
        """As :func:`dataclasses.dataclass`; only frozen classes of their own are made quickly."""
        if cls is None:
            return lambda wrapped: dataclass(wrapped, **options)
        if not _simple(cls, options):
            return dataclasses.dataclass(**options)(cls)
        explicit_hash = cls.__dict__.get("__hash__") is not None
        made = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=options.get("kw_only", False))(
            cls
        )
        parameters = made.__dataclass_params__
        parameters.init = parameters.repr = parameters.eq = parameters.frozen = True
        fields = dataclasses.fields(made)
        compared = _values([field.name for field in fields if field.compare])
        _add(made, "__init__", _constructor(fields))
        _add(made, "__repr__", _representation([field.name for field in fields if field.repr]))
        _add(made, "__eq__", _equality(compared))
        if not explicit_hash:
            hashed = _values(
                [field.name for field in fields if (field.compare if field.hash is None else field.hash)]
            )
            made.__hash__ = lambda self: hash(hashed(self))
        made.__setattr__ = _refuse_to_set
        made.__delattr__ = _refuse_to_delete
        return made


__all__ = ["dataclass"]


def _simple(cls: type, options: dict[str, bool]) -> bool:
    if not options.get("frozen") or options.keys() - {"frozen", "kw_only"}:
        return False
    if any(dataclasses.is_dataclass(base) for base in cls.__mro__[1:]):
        return False
    return not {"__setattr__", "__delattr__", "__post_init__", "__slots__"} & cls.__dict__.keys()


def _add(cls: type, name: str, function: Callable[..., Any]) -> None:
    if name not in cls.__dict__:
        function.__name__ = name
        function.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, function)


def _constructor(fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    space: dict[str, Any] = {"set_": object.__setattr__, "missing": dataclasses.MISSING}
    parameters, body = ["self"], []
    # Those by position first, as the standard constructor has them.
    for field in sorted(fields, key=lambda field: bool(field.kw_only)):
        name, value = field.name, field.name
        if field.kw_only and "*" not in parameters:
            parameters.append("*")
        if field.default_factory is not dataclasses.MISSING:
            space[f"make_{name}"] = field.default_factory
            parameters.append(f"{name}=missing")
            value = f"make_{name}() if {name} is missing else {name}"
        elif field.default is not dataclasses.MISSING:
            space[f"default_{name}"] = field.default
            parameters.append(f"{name}=default_{name}")
        else:
            parameters.append(name)
        body.append(f"  set_(self, {name!r}, {value})\n")
    exec(f"def __init__({', '.join(parameters)}):\n{''.join(body) or '  pass'}", space)
    made: Callable[..., None] = space["__init__"]
    made.__annotations__ = {**{field.name: field.type for field in fields}, "return": None}
    return made


def _values(names: list[str]) -> Callable[[object], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _representation(names: list[str]) -> Callable[[object], str]:
    @recursive_repr()
    def represent(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return represent


def _equality(compared: Callable[[object], tuple[Any, ...]]) -> Callable[[object, object], bool]:
    def equal(self: object, other: object) -> bool:
        return compared(self) == compared(other) if other.__class__ is self.__class__ else NotImplemented

    return equal


def _refuse_to_set(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
