"""Whose code failed: errors that leave a plugin carry its distribution and version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

from dagu.contracts.provider import HarnessProvider
from dagu.contracts.runtime import Attachment, ContainerRuntime, Execution
from dagu.contracts.shared import SharedDatabase
from dagu.contracts.specs import Service
from dagu.contracts.streams import Source, Streams
from dagu.errors import DaguError, PluginError
from dagu.frozen import dataclass

T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Origin:
    """Where a plugin comes from: the distribution that brings it, and the entry point that names it."""

    distribution: str
    version: str
    entry_point: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


def attributed(
    origin: Origin, what: str, call: Callable[[], T], *, expected: tuple[type[Exception], ...] = ()
) -> T:
    """Call code of a plugin.

    Args:
        what: What is called, for the message: ``runtime 'docker', pull``.
        expected: Exceptions beside :class:`DaguError` that the contract of the call allows.

    Raises:
        PluginError: It raised something that its contract does not know.
    """
    try:
        return call()
    except DaguError:
        raise
    except Exception as error:
        if isinstance(error, expected) or getattr(error, _OURS, False):
            raise
        raise failed(origin, what, error) from error


def failed(origin: Origin, what: str, error: BaseException) -> PluginError:
    """The error for the user when code of a plugin raised."""
    return PluginError(
        f"plugin {origin} failed ({what}): {describe(error)}",
        hint=f"report it to the authors of {origin.distribution}; DAGU_DEBUG=1 shows the traceback",
    )


def describe(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def attributed_factory(
    origin: Origin, what: str, factory: Callable[..., object], kind: type | None
) -> Callable[..., Any]:
    """A factory whose failures, and those of every method of what it makes, name the plugin.

    Args:
        kind: What the factory has to make; None takes anything, as it is.
    """

    @wraps(factory, assigned=("__doc__",), updated=())
    def make(*args: Any) -> Any:
        made = attributed(origin, f"{what}, factory", lambda: factory(*args))
        if kind is None:
            return made
        if not isinstance(made, kind):
            raise PluginError(
                f"plugin {origin} failed ({what}, factory): it made a {type(made).__name__}, "
                f"no {kind.__name__}",
                hint=f"report it to the authors of {origin.distribution}",
            )
        return AttributedProxy(made, origin, what)

    return make


class AttributedProxy:
    """Stands for an object of a plugin: same methods, but what they raise names the plugin.

    It counts as an instance of the contracts' ABCs. Callbacks that core hands in may raise what they want: that
    passes through as it is.
    """

    __slots__ = ("_origin", "_target", "_what")

    def __init__(self, target: object, origin: Origin, what: str) -> None:
        self._target = target
        self._origin = origin
        self._what = what

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not callable(value):
            return value
        what = f"{self._what}, {name}"
        expected = _EXPECTED.get(name, ())

        def call(*args: Any, **options: Any) -> Any:
            arguments = [_marking(value) for value in args]
            keywords = {key: _marking(value) for key, value in options.items()}
            result = attributed(self._origin, what, lambda: value(*arguments, **keywords), expected=expected)
            if isinstance(result, Attachment | Execution):
                return AttributedProxy(result, self._origin, what)
            return result

        return call

    def __repr__(self) -> str:
        return f"<{self._what} of {self._origin}>"

    def __enter__(self) -> AttributedProxy:
        self.__getattr__("__enter__")()
        return self

    def __exit__(self, *exc: object) -> object:
        return self.__getattr__("__exit__")(*exc)


for _contract in (ContainerRuntime, Attachment, Execution, HarnessProvider, Service, SharedDatabase):
    _contract.register(AttributedProxy)

_EXPECTED: dict[str, tuple[type[Exception], ...]] = {
    "get_archive": (FileNotFoundError,),
    "put_archive": (FileNotFoundError,),
}
_OURS = "__dagu_callback__"


class _MarkingSource:
    """Standard input that core hands to a plugin."""

    def __init__(self, source: Source) -> None:
        self.read = _marked(source.read)


def _marking(value: Any) -> Any:
    if isinstance(value, Streams):
        stdin = None if value.stdin is None else _MarkingSource(value.stdin)
        return replace(value, stdout=_marked(value.stdout), stderr=_marked(value.stderr), stdin=stdin)
    return _marked(value) if callable(value) and not isinstance(value, type) else value


def _marked(call: Callable[..., T]) -> Callable[..., T]:
    """A callback of core's own: an exception that leaves it is not the plugin's, whoever it passes through."""

    def marked(*args: Any, **options: Any) -> T:
        try:
            return call(*args, **options)
        except Exception as error:
            setattr(error, _OURS, True)
            raise

    return marked
