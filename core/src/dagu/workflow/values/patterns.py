"""Regular expressions in the syntax of Go and RE2, which workflow files are written in.

RE2 itself compiles them: what it takes is what they may say, and no expression makes a match slow.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dagu.workflow.values.errors import PatternInvalid

PREFIX = "re:"
"""What makes an expected text a regular expression."""


class Pattern:
    """A compiled regular expression, unanchored and case-sensitive unless it says otherwise.

    Raises:
        PatternInvalid: The text is empty, or RE2 does not take it.
    """

    def __init__(self, text: str) -> None:
        import re2  # type: ignore[import-untyped]

        if not text:
            raise PatternInvalid("an empty regexp matches everything", hint="write a pattern after re:")
        options = re2.Options()
        options.log_errors = False
        try:
            self._compiled: Any = re2.compile(_bytes(text), options)
        except re2.error as error:
            reason = error.args[0].decode(errors="replace")
            raise PatternInvalid(
                f"not a regexp: {text!r}: {reason}", hint="patterns are in Go's syntax"
            ) from error
        self.text = text

    def search(self, text: str) -> bool:
        """Whether the pattern is found in a text. What is no Unicode text in it matches as U+FFFD."""
        return self._compiled.search(_bytes(text)) is not None


def expected_matcher(expected: str) -> Pattern | str:
    """What a text must be: the text itself, or a pattern where it starts with ``re:``.

    Raises:
        PatternInvalid: The pattern is empty or bad.
    """
    return Pattern(expected.removeprefix(PREFIX)) if expected.startswith(PREFIX) else expected


def line_matches(lines: Iterable[str], matcher: Pattern | str) -> bool:
    """Whether one of the lines is the text, or holds the pattern."""
    if isinstance(matcher, Pattern):
        return any(matcher.search(line) for line in lines)
    return any(line == matcher for line in lines)


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")
