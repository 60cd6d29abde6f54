"""What references and names can see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from dagu.frozen import dataclass
from dagu.workflow.model import EMPTY, Value
from dagu.workflow.values.text import parse_json, to_text
from dagu.workflow.values.tokens import Kind, Token


@dataclass(frozen=True, kw_only=True)
class StepView:
    """What a finished upstream step shows to the steps after it.

    Attributes:
        outputs: The declared outputs, as emitted.
        output: The variable of a string ``output``, or the mapping of an object one; None without either.
        fields: The values of ``stdout.outputs``.
        stdout_file: Absolute path; empty where there is none.
        stderr_file: Absolute path; empty where there is none.
    """

    outputs: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    output: Value = None
    fields: Mapping[str, Value] = field(default_factory=lambda: EMPTY)
    stdout_file: str = ""
    stderr_file: str = ""
    exit_code: int | None = None


@dataclass(frozen=True, kw_only=True)
class ForeachItem:
    """The item that a body of ``foreach`` runs for. ``key`` is None while the key itself is resolved."""

    index: int
    name: str
    value: Value
    key: str | None = None


@dataclass(frozen=True)
class ParallelItem:
    """The item of ``parallel`` that a child's ``dag`` and ``params`` are resolved for."""

    value: Value


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Everything that a field can see; what is out of scope is absent.

    Attributes:
        params: The named parameters, as text.
        params_json: ``${params}``; None when no parameter has a value.
        env: The environment that ``${env.N}`` and unqualified names read.
        host: The process environment of the runner, where the field may read it; else None.
        steps: The finished upstream steps, by id.
        context: The run context by dotted name, without ``context.``.
    """

    consts: Mapping[str, Value] = field(default_factory=lambda: EMPTY)
    params: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    params_json: str | None = None
    env: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    host: Mapping[str, str] | None = field(default=None, repr=False)
    steps: Mapping[str, StepView] = field(default_factory=lambda: EMPTY)
    foreach: ForeachItem | None = None
    context: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    item: ParallelItem | None = None

    def layer(
        self,
        *,
        env: Mapping[str, str] = EMPTY,
        steps: Mapping[str, StepView] = EMPTY,
        context: Mapping[str, str] = EMPTY,
        **changes: Any,
    ) -> Scope:
        """This scope with more on top: mappings are added to, everything else is replaced."""
        return replace(
            self,
            env={**self.env, **env} if env else self.env,
            steps={**self.steps, **steps} if steps else self.steps,
            context={**self.context, **context} if context else self.context,
            **changes,
        )

    def replace_env(self, env: Mapping[str, str]) -> Scope:
        """This scope with another environment in place of its own."""
        return replace(self, env=env)

    def lookup(self, token: Token) -> str | None:
        """The text that takes the place of a reference; None where it has no value here."""
        match token.kind, token.path:
            case Kind.CONSTS, (name,):
                return to_text(self.consts[name]) if name in self.consts else None
            case Kind.PARAMS, ():
                return self.params_json
            case Kind.PARAMS, (name,):
                return self.params.get(name)
            case Kind.ENV, (name,):
                return self.env.get(name)
            case Kind.STEPS, (step, name):
                return self.steps[step].outputs.get(name) if step in self.steps else None
            case Kind.FOREACH, path:
                return _foreach(self.foreach, path)
            case Kind.CONTEXT, path:
                return self.context.get(".".join(path))
            case Kind.ITEM, path:
                return _below(self.item.value, path) if self.item else None
            case Kind.SHORTHAND, (step, what, *keys):
                return _shorthand(self.steps[step], what, keys) if step in self.steps else None
        raise AssertionError(token)

    def variable(self, name: str, *, host: bool = False) -> str | None:
        """The value of an unqualified name, from the host's environment too where that is allowed."""
        value = self.env.get(name)
        return self.host.get(name) if value is None and host and self.host is not None else value


def _foreach(item: ForeachItem | None, path: tuple[str, ...]) -> str | None:
    if item is None:
        return None
    match path:
        case ("index",):
            return str(item.index)
        case ("key",):
            return item.key
        case (item.name, *keys):
            return _below(item.value, keys)
    return None


def _shorthand(step: StepView, what: str, keys: list[str]) -> str | None:
    match what:
        case "stdout":
            return step.stdout_file or None
        case "stderr":
            return step.stderr_file or None
        case "exit_code":
            return None if step.exit_code is None else str(step.exit_code)
        case "outputs":
            return _below(step.fields, keys)
    if step.output is None:
        return None
    return _below(_decoded(step.output) if keys and isinstance(step.output, str) else step.output, keys)


def _below(value: Value, keys: list[str] | tuple[str, ...]) -> str | None:
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return to_text(value)


def _decoded(text: str) -> Value:
    try:
        return parse_json(text)
    except ValueError:
        return None
