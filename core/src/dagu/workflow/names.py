"""Unqualified names in a text: ``$NAME``, ``${NAME}``, ``${NAME:-word}``."""

from __future__ import annotations

from collections.abc import Iterator

from dagu.workflow.values.operators import expression_at
from dagu.workflow.values.resolve import PLAIN, QUOTED
from dagu.workflow.values.tokens import escaped, token_at


def unqualified_names(text: str) -> Iterator[tuple[str, str]]:
    """Name and whole text of each, without the escaped ones, those between single quotes, and references."""
    quoted = [found.span() for found in QUOTED.finditer(text)]
    position = text.find("$")
    while position >= 0:
        end = position + 1
        reference = token_at(text, position)
        if reference is not None:
            end = reference.end
        elif not escaped(text, position) and not any(start < position < stop for start, stop in quoted):
            plain = PLAIN.match(text, position)
            expression = None if plain else expression_at(text, position)
            if plain is not None:
                yield plain["bare"] or plain["braced"], plain[0]
                end = plain.end()
            elif expression is not None:
                yield expression.name, text[expression.start : expression.end]
                end = expression.end
        position = text.find("$", end)
