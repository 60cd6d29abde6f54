"""``${NAME:-word}`` and its kin: what the operators make of a value that exists."""

from __future__ import annotations

import re
from collections.abc import Callable

from dagu.frozen import dataclass

_HEAD = re.compile(
    r"\$\{(?:#(?P<measured>[A-Za-z_]\w*)|(?P<name>[A-Za-z_]\w*)(?P<op>:[-=?+]|##?|%%?|[-=?+:]))", re.ASCII
)
_SLICE = re.compile(r"\s*([+-]?\d+)?\s*(?::\s*([+-]?\d+)\s*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Expression:
    """One ``${NAME…}`` with an operator; ``start``, ``word`` and ``end`` are offsets into its text.

    Attributes:
        operator: ``:-``, ``#``, …; ``:`` is a substring, ``length`` is ``${#NAME}``.
        word: Where the operator's word starts; it ends before ``end``'s brace.
    """

    name: str
    operator: str
    start: int
    word: int
    end: int


def expression_at(text: str, position: int) -> Expression | None:
    """The operator expression that starts with the ``$`` at this offset; None where there is none."""
    head = _HEAD.match(text, position)
    if head is None:
        return None
    end = _closing(text, head.end())
    if end is None:
        return None
    if head["measured"]:
        return (
            Expression(head["measured"], "length", position, end - 1, end) if end == head.end() + 1 else None
        )
    return Expression(head["name"], head["op"], position, head.end(), end)


def apply(operator: str, value: str, word: Callable[[], str]) -> str | None:
    """What an operator makes of a value that exists; None where the expression stays as written.

    Args:
        word: Gives the operator's word, its variables replaced; called only where it is used.
    """
    match operator:
        case "length":
            return str(len(value))
        case ":-":
            return value or word()
        case ":=" | ":?":
            return value or None
        case "-" | "=" | "?":
            return value
        case ":+":
            return word() if value else ""
        case "+":
            return word()
        case ":":
            return _substring(value, word())
    return _trim(operator, value, word())


def _closing(text: str, position: int) -> int | None:
    """The offset after the brace that closes an expression; braces may nest, a backslash hides one."""
    depth = 1
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text.startswith("${", position):
            depth += 1
            position += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    return None


def _substring(value: str, word: str) -> str | None:
    """Bytes from an offset on, and so many of them. What a cut leaves of a character is a surrogate escape."""
    found = _SLICE.fullmatch(word)
    if found is None or (found[1] is None and found[2] is None):
        return None
    data = value.encode(errors="surrogateescape")
    data = data[_position(data, int(found[1] or 0)) :]
    if found[2] is not None:
        data = data[: _position(data, int(found[2]))]
    return data.decode(errors="surrogateescape")


def _position(data: bytes, number: int) -> int:
    """Negative numbers count from the end; whatever is outside, on either side, is the end."""
    position = number if number >= 0 else len(data) + number
    return position if 0 <= position <= len(data) else len(data)


def _trim(operator: str, value: str, glob: str) -> str | None:
    try:
        short, long = _pattern(glob, star=".*?"), _pattern(glob, star=".*")
        match operator:
            case "#" | "##":
                found = re.match(short if operator == "#" else long, value, re.DOTALL)
                return value[found.end() :] if found else value
            case "%":
                found = re.fullmatch(f"(.*)(?:{long})", value, re.DOTALL)
            case _:
                found = re.fullmatch(f"(.*?)(?:{long})", value, re.DOTALL)
    except re.error:
        return None
    return found[1] if found else value


def _pattern(glob: str, *, star: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(glob):
        char = glob[position]
        position += 1
        bracket = re.compile(r"\[([!^]?)(\]?[^\]]*)\]", re.DOTALL).match(glob, position - 1)
        if char == "*":
            parts.append(star)
        elif char == "?":
            parts.append(".")
        elif char == "\\" and position < len(glob):
            parts.append(re.escape(glob[position]))
            position += 1
        elif bracket is not None:
            members = re.sub(r"([\\\[\]&|~^])", r"\\\1", bracket[2])
            parts.append(f"[{'^' if bracket[1] else ''}{members}]")
            position = bracket.end()
        else:
            parts.append(re.escape(char))
    return "".join(parts)
