"""Words of a line: shells as authored, and first lines of scripts."""

from __future__ import annotations

from dagu.workflow.values.errors import ShellInvalid


def split_words(text: str) -> list[str]:
    """Split on blanks. Quotes group, single ones literally; elsewhere a backslash keeps the next character.

    Raises:
        ShellInvalid: A quote is open at the end, or a backslash has nothing after it.
    """
    words: list[str] = []
    word: str | None = None
    quote = ""
    characters = iter(text)
    for char in characters:
        if char == "\\" and quote != "'":
            kept = next(characters, None)
            if kept is None:
                raise ShellInvalid("a backslash stands at the end of the line with nothing after it")
            word = (word or "") + kept
        elif quote:
            if char == quote:
                quote = ""
            else:
                word = (word or "") + char
        elif char in "'\"":
            quote = char
            word = word or ""
        elif char.isspace():
            if word is not None:
                words.append(word)
                word = None
        else:
            word = (word or "") + char
    if quote:
        raise ShellInvalid(f"a quote {quote} is open at the end of the line")
    return words if word is None else [*words, word]
