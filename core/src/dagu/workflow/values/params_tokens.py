"""What a caller gives: one text of tokens or JSON, and words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dagu.frozen import dataclass
from dagu.workflow.model import Value
from dagu.workflow.values.errors import ParamsInvalid
from dagu.workflow.values.text import parse_json, to_text

_NAMED = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)=(.*)", re.DOTALL)
_TOKEN = re.compile(r'(?:[^\s"]|"(?:\\.|[^"\\])*")+', re.DOTALL)
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class CallerInput:
    """Input as it was given, not yet matched with declarations.

    Attributes:
        tokens: Name and value of each; positional ones have an empty name. Values out of JSON have its types.
        payload: The JSON object or array that was given, letter for letter.
    """

    tokens: tuple[tuple[str, Value], ...] = ()
    payload: str | None = None


def caller_input(text: str = "", words: Sequence[str] = ()) -> CallerInput:
    """The input of ``--params`` and of the words after ``--``.

    The text is a JSON object or array, or tokens that blanks split and double quotes group. Each word is one
    token; a single word may be JSON too.

    Raises:
        ParamsInvalid: A quote is open, or the text begins as JSON and is none.
    """
    stripped = text.strip() or (words[0].strip() if len(words) == 1 else "")
    if stripped[:1] in ("{", "["):
        try:
            return CallerInput(tokens=_of_json(parse_json(stripped)), payload=stripped)
        except ValueError as error:
            if text.strip():
                raise ParamsInvalid(f"params: not JSON: {error}", hint="give NAME=value, or JSON") from error
    return CallerInput(tokens=(*split_tokens(text), *map(_named, words)))


def split_tokens(text: str) -> list[tuple[str, str]]:
    """Name (empty for a positional one) and value of each token of a text that is not JSON.

    Raises:
        ParamsInvalid: A quote is open.
    """
    return [(name, _unquoted(value)) for name, value in map(_named, _split(text))]


def structured_input(value: Value) -> CallerInput:
    """The input that a step gives to a child: a text as above, a mapping, or a list of texts and mappings."""
    if isinstance(value, str):
        return caller_input(value)
    return CallerInput(tokens=_of_json(value))


def _split(text: str) -> list[str]:
    rest = _TOKEN.sub("", text)
    if rest.strip():
        raise ParamsInvalid('params: a quote " is open at the end of the input')
    return _TOKEN.findall(text)


def _named(token: str) -> tuple[str, str]:
    named = _NAMED.fullmatch(token)
    return (named[1], named[2]) if named else ("", token)


def _unquoted(value: str) -> str:
    return _QUOTED.sub(lambda quoted: quoted[1].replace('\\"', '"'), value)


def _of_json(value: Value) -> tuple[tuple[str, Value], ...]:
    if isinstance(value, Mapping):
        return tuple((to_text(name), item) for name, item in value.items())
    tokens: list[tuple[str, Value]] = []
    for item in value if isinstance(value, list | tuple) else (value,):
        match item:
            case Mapping():
                tokens += _of_json(item)
            case str():
                tokens.append(_named(item))
            case _:
                tokens.append(("", item))
    return tuple(tokens)
