"""Where a text holds references, and which.

A reference is ``${path}`` of a form below; any other text between braces is ordinary content, and so is a
reference after an odd run of backslashes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from dagu.frozen import dataclass


class Kind(Enum):
    """The namespace of a reference."""

    CONSTS = "consts"
    PARAMS = "params"
    ENV = "env"
    STEPS = "steps"
    FOREACH = "foreach"
    CONTEXT = "context"
    ITEM = "ITEM"
    SHORTHAND = "shorthand"

    @property
    def silent(self) -> bool:
        """Whether an unknown one is ordinary text, never noticed and never unescaped."""
        return self in (Kind.ITEM, Kind.SHORTHAND)


@dataclass(frozen=True, slots=True)
class Token:
    """One reference in a text.

    Attributes:
        path: What follows the namespace: ``(name,)`` of consts and env, the same or ``()`` of params, ``(id,
            output)`` of steps, ``(name,)`` or ``(name, field)`` of foreach, the dotted names of context (aliases
            in full), ``()`` or ``(key,)`` of ITEM, and ``(id, what, …)`` of a shorthand.
        text: As written, ``${`` and ``}`` included.
        start: Offset of its ``$``.
        end: Offset after its ``}``.
    """

    kind: Kind
    path: tuple[str, ...]
    text: str
    start: int
    end: int


CONTEXT_FIELDS = frozenset(
    {
        "dag.name",
        "run.id",
        "run.status",
        "run.scheduled_at",
        "run.root_name",
        "run.root_id",
        "attempt.id",
        "attempt.started_at",
        "step.id",
        "step.name",
        "trigger.type",
        "trigger.actor",
        "paths.log_file",
        "paths.work_dir",
        "paths.artifacts_dir",
        "paths.step_stdout_file",
        "paths.step_stderr_file",
        "paths.step_output_file",
        "profile.name",
        "profile.resolved_at",
        "pushback.iteration",
        "pushback.previous_stdout_file",
    }
)
"""Every field of the run context; each also stands without ``context.``."""

_ALIASES = {name: name for name in CONTEXT_FIELDS} | {"run.started_at": "attempt.started_at"}

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_BRACED = re.compile(r"\$\{([A-Za-z][A-Za-z0-9_.-]*)\}")
_KEY = re.compile(r"[A-Za-z0-9_-]+")


def token_at(text: str, position: int) -> Token | None:
    """The reference that starts with the ``$`` at this offset, escaped or not; None where there is none."""
    braced = _BRACED.match(text, position)
    if braced is None:
        return None
    found = _classify(braced[1])
    if found is None:
        return None
    return Token(found[0], found[1], braced[0], braced.start(), braced.end())


def tokens(text: str) -> Iterator[Token]:
    """The references of a text from left to right, without the escaped ones."""
    position = text.find("${")
    while position >= 0:
        token = token_at(text, position)
        if token is not None and not escaped(text, position):
            yield token
        position = text.find("${", token.end if token else position + 1)


def escaped(text: str, position: int) -> bool:
    """Whether an odd run of backslashes stands right before this offset."""
    run = position
    while run > 0 and text[run - 1] == "\\":
        run -= 1
    return (position - run) % 2 == 1


def _classify(body: str) -> tuple[Kind, tuple[str, ...]] | None:
    if alias := _ALIASES.get(body):
        return Kind.CONTEXT, tuple(alias.split("."))
    head, *rest = body.split(".")
    match head, rest:
        case "params", []:
            return Kind.PARAMS, ()
        case (("consts" | "params"), [name]) if NAME.fullmatch(name):
            return Kind(head), (name,)
        case "env", [name] if ENV_NAME.fullmatch(name):
            return Kind.ENV, (name,)
        case "steps", [step, "outputs", name] if NAME.fullmatch(step) and NAME.fullmatch(name):
            return Kind.STEPS, (step, name)
        case "foreach", [name] | [name, _] if _names(rest) and (
            len(rest) == 1 or name not in ("index", "key")
        ):
            return Kind.FOREACH, tuple(rest)
        case "context", [_, *_] if _names(rest):
            return Kind.CONTEXT, tuple(rest)
        case "ITEM", [] | [_] if all(_KEY.fullmatch(key) for key in rest):
            return Kind.ITEM, tuple(rest)
    return _shorthand(head, rest)


def _shorthand(step: str, rest: list[str]) -> tuple[Kind, tuple[str, ...]] | None:
    if not NAME.fullmatch(step):
        return None
    match rest:
        case ["stdout" | "stderr" | "exit_code"]:
            return Kind.SHORTHAND, (step, *rest)
        case ["output", *_] | ["outputs", _] if all(_KEY.fullmatch(key) for key in rest):
            return Kind.SHORTHAND, (step, *rest)
    return None


def _names(parts: list[str]) -> bool:
    return all(NAME.fullmatch(part) for part in parts)
