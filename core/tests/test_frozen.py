"""The quick decorator makes what the standard one makes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
from collections.abc import Callable
from dataclasses import field
from typing import Any, Generic, TypeVar

import pytest

from dagu import frozen

T = TypeVar("T")
Decorator = Callable[..., Any]
DECORATORS = [dataclasses.dataclass, frozen.dataclass]


def keywords(dataclass: Decorator) -> Any:
    @dataclass(frozen=True, kw_only=True)
    class Thing:
        """A thing."""

        number: int
        text: str = "x"
        items: dict[str, int] = field(default_factory=dict, repr=False, hash=False)
        seen: int = field(default=0, compare=False)

        @property
        def twice(self) -> int:
            return self.number * 2

    return Thing


def positions(dataclass: Decorator) -> Any:
    @dataclass(frozen=True)
    class Thing:
        """A thing."""

        number: int
        late: int = field(default=7, kw_only=True)
        text: str = "x"

        def __repr__(self) -> str:
            return "mine"

        def __hash__(self) -> int:
            return 3

    return Thing


def generic(dataclass: Decorator) -> Any:
    @dataclass(frozen=True)
    class Thing(Generic[T]):
        """A thing."""

        number: T

    return Thing


def empty(dataclass: Decorator) -> Any:
    @dataclass(frozen=True)
    class Thing:
        """A thing."""

    return Thing


@pytest.mark.parametrize("make", [keywords, positions, generic])
def test_values(make: Callable[[Decorator], Any]) -> None:
    standard, quick = (make(decorator) for decorator in DECORATORS)
    for thing in (standard, quick):
        one, same, other = thing(number=1), thing(number=1), thing(number=2)
        assert one == same
        assert one != other
        assert one != "something else"
        assert hash(one) == hash(same)
        assert dataclasses.replace(one, number=2) == other
        assert copy.deepcopy(one) == one
        for change in (lambda: setattr(one, "number", 3), lambda: delattr(one, "number")):  # noqa: B023
            with pytest.raises(dataclasses.FrozenInstanceError):
                change()
        with pytest.raises(TypeError):
            thing()
        with pytest.raises(TypeError):
            thing(number=1, unknown=2)
    assert repr(standard(number=1)) == repr(quick(number=1))
    assert hash(standard(number=1)) == hash(quick(number=1))
    assert dataclasses.asdict(standard(number=1)) == dataclasses.asdict(quick(number=1))
    assert inspect.signature(standard).parameters.keys() == inspect.signature(quick).parameters.keys()
    assert standard.__match_args__ == quick.__match_args__


def test_what_is_compared() -> None:
    for decorator in DECORATORS:
        thing = keywords(decorator)
        assert thing(number=1, seen=1) == thing(number=1, seen=2)
        assert thing(number=1, items={"a": 1}) != thing(number=1)
        assert thing(number=1).items is not thing(number=1).items
        assert thing(number=1).twice == 2


def test_by_position() -> None:
    for decorator in DECORATORS:
        thing = positions(decorator)
        assert dataclasses.astuple(thing(1, "y", late=2)) == (1, 2, "y")
        assert (repr(thing(1)), hash(thing(1))) == ("mine", 3)


def test_without_fields() -> None:
    for decorator in DECORATORS:
        thing = empty(decorator)
        assert thing() == thing()
        assert repr(thing()).endswith("Thing()")


def test_a_class_on_top_of_another() -> None:
    for first in DECORATORS:
        for second in DECORATORS:
            base = first(frozen=True)(type("Base", (), {"__annotations__": {"a": "int"}}))
            top = second(frozen=True)(type("Top", (base,), {"__annotations__": {"b": "int"}}))
            assert dataclasses.astuple(top(1, 2)) == (1, 2)
            with pytest.raises(dataclasses.FrozenInstanceError):
                top(1, 2).a = 3


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the standard decorator is used")
def test_what_it_leaves_to_the_standard() -> None:
    def after(self: Any) -> None:
        object.__setattr__(self, "a", self.a + 1)

    made = frozen.dataclass(frozen=True)(
        type("Thing", (), {"__annotations__": {"a": "int"}, "__post_init__": after})
    )
    assert made(1).a == 2
    mutable = frozen.dataclass(type("Thing", (), {"__annotations__": {"a": "int"}}))(1)
    mutable.a = 2
    assert mutable.a == 2


@frozen.dataclass(frozen=True)
class Pickled:
    """At the top of a module, where pickle finds it."""

    a: int
    b: str = "x"


def test_pickled() -> None:
    assert pickle.loads(pickle.dumps(Pickled(1))) == Pickled(1)
