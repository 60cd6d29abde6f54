"""What a test tells the fake to do, and what the fake tells the test that it was asked."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Call:
    """One call that the fake got: the method's name and its arguments, in order."""

    method: str
    arguments: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()


class Scripted:
    """Records calls, and lets chosen ones fail."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._failures: dict[str, list[BaseException]] = {}

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call so far, in order."""
        with self._lock:
            return tuple(self._calls)

    def called(self, method: str) -> tuple[Call, ...]:
        """The calls of one method so far."""
        return tuple(call for call in self.calls if call.method == method)

    def fail_on(self, method: str, error: BaseException, *, times: int = 1) -> None:
        """Let the next calls of a method raise an error instead of doing anything."""
        if not callable(getattr(type(self), method, None)):
            raise ValueError(f"the fake has no method {method!r}")
        with self._lock:
            self._failures.setdefault(method, []).extend([error] * times)

    def _note(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)
            waiting = self._failures.get(call.method)
            error = waiting.pop(0) if waiting else None
        if error is not None:
            raise error


def recorded(
    method: Callable[Concatenate[Any, P], R],
) -> Callable[Concatenate[Any, P], R]:
    """Note the call first; a scripted failure is raised in its place."""

    @functools.wraps(method)
    def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        self._note(Call(method.__name__, args, tuple(sorted(kwargs.items()))))
        return method(self, *args, **kwargs)

    return call
