"""What a query string holds; a page takes what fits, and leaves the rest."""

from __future__ import annotations

from collections.abc import Collection


def number(text: str, *, most: int) -> int:
    """A whole number from 0 to ``most``; 0 if it is none."""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        return 0
    return min(int(text), most)


def one_of(text: str, known: Collection[str]) -> str:
    """The text if it is known, else none."""
    return text if text in known else ""
