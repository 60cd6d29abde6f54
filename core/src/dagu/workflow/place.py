"""Where a value stands, and what is wrong with it: the collector of problems that reading a file shares."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from dagu.errors import Problem
from dagu.workflow.tree import Node

if TYPE_CHECKING:
    from dagu.workflow.scopes import Scope


class Invalid:
    """The value of something that was refused; its problem is in the list already."""

    def __bool__(self) -> bool:
        return False


INVALID: Final = Invalid()


class Reading:
    """One document being read.

    Attributes:
        problems: Every mistake found so far.
        file: The document's own; what stands in another one is of the base config.
        label: Put before every message about the document: ``document 2: ``, or empty.
        chain: The document's steps run in file order.
        defaults: What ``defaults`` sets, by step key.
        facts: Root values that others are checked against (``harness``, ``secrets``); INVALID where refused.
        scopes: The lists of steps around the one being read, outermost first.
    """

    def __init__(self, problems: list[Problem], file: str, label: str = "") -> None:
        self.problems = problems
        self.file = file
        self.label = label
        self.chain = False
        self.defaults: Mapping[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.scopes: list[Scope] = []


class Place:
    """A field path in a document, like ``steps[0].run``."""

    __slots__ = ("path", "reading")

    def __init__(self, reading: Reading, path: str = "") -> None:
        self.reading = reading
        self.path = path

    def fact(self, key: str, default: Any) -> Any:
        """A root value, or the default where the root does not set it; None where it was refused."""
        value = self.reading.facts.get(key, default)
        return None if value is INVALID else value

    def key(self, name: str) -> Place:
        """The place of a mapping's value."""
        return Place(self.reading, f"{self.path}.{name}" if self.path else name)

    def item(self, index: int) -> Place:
        """The place of a list's item."""
        return Place(self.reading, f"{self.path}[{index}]")

    def refuse(self, node: Node, message: str, hint: str = "") -> Invalid:
        """Record a problem at a node's position."""
        text = f"{self.path}: {message}" if self.path else message
        label = self.reading.label if node.file == self.reading.file else ""
        text = f"{label}{text}" + (f" ({hint})" if hint else "")
        self.reading.problems.append(Problem(node.file, node.line, node.column, text))
        return INVALID


def snake_case(word: str) -> str:
    """``workingDir`` and ``Working-Dir`` to ``working_dir``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).replace("-", "_").lower()


def suggestion(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for a near miss, else empty."""
    names = {name.lower(): name for name in known}
    spelled = snake_case(word)
    if spelled not in names:
        from difflib import get_close_matches  # only where something is wrong already

        close = get_close_matches(spelled[:80], names, n=1, cutoff=0.65)
        if not close:
            return ""
        spelled = close[0]
    return f"did you mean '{names[spelled]}'?"
