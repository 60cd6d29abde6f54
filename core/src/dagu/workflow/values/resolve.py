"""References, then unqualified names, replaced in one pass."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Mapping
from enum import IntEnum

from dagu.workflow.model import Value
from dagu.workflow.values.operators import Expression, apply, expression_at
from dagu.workflow.values.scope import Scope
from dagu.workflow.values.tokens import escaped, token_at

PLAIN = re.compile(r"\$(?:(?P<bare>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\})", re.ASCII)
"""``$NAME`` or ``${NAME}``."""

QUOTED = re.compile(r"'[^']*'")
"""A span in which such names stay."""


class Expand(IntEnum):
    """What is replaced besides references."""

    REFERENCES = 0
    """Nothing: ``$NAME`` is the shell's."""
    SCOPE = 1
    """``$NAME``, ``${NAME}`` and ``${NAME…}`` from the scope's environment."""
    HOST = 2
    """The same, and from the process environment of the runner."""


def resolve(text: str, scope: Scope, *, expand: Expand = Expand.REFERENCES) -> str:
    """A text with its references replaced, and its unqualified names where the field says so.

    What is inserted is neither rescanned nor quoted. References without a value and names that are missing
    stay as written, and so do names between single quotes. Raises nothing.
    """
    return FieldText(text, scope, expand).between(0, len(text)) if "$" in text else text


def resolve_value(value: Value, scope: Scope, *, expand: Expand = Expand.REFERENCES) -> Value:
    """Lists and mappings with every string in them resolved; keys and other values stay."""
    match value:
        case str():
            return resolve(value, scope, expand=expand)
        case Mapping():
            return {key: resolve_value(item, scope, expand=expand) for key, item in value.items()}
        case list() | tuple():
            return tuple(resolve_value(item, scope, expand=expand) for item in value)
        case _:
            return value


class FieldText:
    """One text of a field, which can be resolved in parts; quotes are those of the whole text."""

    def __init__(self, text: str, scope: Scope, expand: Expand) -> None:
        self.text = text
        self._scope = scope
        self._expand = expand
        self._quoted = [found.span() for found in QUOTED.finditer(text)] if expand else []
        self._keep_operators = bool(expand) and any(self._assigns(found) for found in self._expressions())

    def between(self, start: int, end: int) -> str:
        """The text between two offsets, resolved."""
        return "".join(self._pieces(start, end, self._expand))

    def _pieces(self, start: int, end: int, expand: Expand) -> Iterator[str]:
        done = start
        position = self.text.find("$", start, end)
        while position >= 0:
            replaced = self._reference(position, end) or (self._name(position, end) if expand else None)
            if replaced is None:
                position = self.text.find("$", position + 1, end)
                continue
            first, value, last = replaced
            yield self.text[done:first]
            yield value
            done = last
            position = self.text.find("$", last, end)
        yield self.text[done:end]

    def _reference(self, position: int, limit: int) -> tuple[int, str, int] | None:
        token = token_at(self.text, position)
        if token is None or token.end > limit:
            return None
        value = self._scope.lookup(token)
        if value is None and token.kind.silent:
            return None
        if escaped(self.text, position):
            return position - 1, token.text, token.end
        return position, token.text if value is None else value, token.end

    def _name(self, position: int, limit: int) -> tuple[int, str, int] | None:
        if not self._expands(position):
            return None
        if plain := PLAIN.match(self.text, position, limit):
            value = self._variable(plain["bare"] or plain["braced"])
            return None if value is None else (position, value, plain.end())
        found = expression_at(self.text, position)
        if found is None or found.end > limit:
            return None
        value = None if self._keep_operators else self._applied(found)
        if value is None:  # it stays, but for references in its word
            value = "".join(self._pieces(position + 1, found.end, Expand.REFERENCES))
            return position + 1, value, found.end
        return position, value, found.end

    def _applied(self, found: Expression) -> str | None:
        value = self._variable(found.name)
        if value is None:
            return None
        return apply(
            found.operator, value, lambda: self.between(found.word, found.end - 1).replace("\\}", "}")
        )

    def _variable(self, name: str) -> str | None:
        return self._scope.variable(name, host=self._expand is Expand.HOST)

    def _assigns(self, found: Expression) -> bool:
        return found.operator == ":=" and self._variable(found.name) == ""

    def _expressions(self) -> Iterator[Expression]:
        position = self.text.find("${")
        while position >= 0:
            found = expression_at(self.text, position)
            if found and self._expands(position):
                yield found
            position = self.text.find("${", position + 1)

    def _expands(self, position: int) -> bool:
        """Whether a name at this offset is looked up: it is neither escaped nor between single quotes."""
        index = bisect(self._quoted, (position, 0)) - 1
        quoted = index >= 0 and position < self._quoted[index][1]
        return not quoted and not escaped(self.text, position)
