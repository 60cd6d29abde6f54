"""``$(command)`` and backticks, which the two ``eval`` fields have executed."""

from __future__ import annotations

from collections.abc import Callable

from dagu.workflow.values.errors import SubstitutionFailed
from dagu.workflow.values.resolve import Expand, FieldText
from dagu.workflow.values.scope import Scope
from dagu.workflow.values.tokens import escaped

Runner = Callable[[str], str]
"""Runs a command text in the default shell and gives its standard output.

Raises:
    SubstitutionFailed: It exits non-zero, or not within the limit of about two seconds.
"""


def evaluate(text: str, scope: Scope, run: Runner, *, expand: Expand = Expand.HOST) -> str:
    """A text of an ``eval`` field: references, then names, then commands replaced by their trimmed output.

    Only what the author wrote starts a command: inserted values never do. An opener without its closer is text.

    Raises:
        SubstitutionFailed: A command holds another, or ``run`` raised it.
    """
    field = FieldText(text, scope, expand)
    pieces: list[str] = []
    done = position = 0
    while (found := _command(text, position)) is not None:
        start, first, last, end = found
        position = end
        if not text[first:last].strip():
            continue
        if _command_opens(text, first, last):
            raise SubstitutionFailed(
                "a command substitution can't hold another",
                hint="let one command call a script that does both",
            )
        pieces += [field.between(done, start), run(field.between(first, last)).strip()]
        done = end
    pieces.append(field.between(done, len(text)))
    return "".join(pieces)


def _command(text: str, position: int) -> tuple[int, int, int, int] | None:
    """The offsets of the next command: its opener, its text's start and end, and after its closer."""
    while (start := _opener(text, position)) is not None:
        opener, closer = ("`", "`") if text[start] == "`" else ("$(", ")")
        first = start + len(opener)
        last = text.find(closer, first)
        while last >= 0 and escaped(text, last):
            last = text.find(closer, last + 1)
        if last >= 0:
            return start, first, last, last + 1
        position = first
    return None


def _opener(text: str, position: int) -> int | None:
    while position < len(text):
        if (text[position] == "`" or text.startswith("$(", position)) and not escaped(text, position):
            return position
        position += 1
    return None


def _command_opens(text: str, first: int, last: int) -> bool:
    opener = _opener(text, first)
    return opener is not None and opener < last
