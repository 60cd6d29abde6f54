"""Regular expressions, checked with the engine that the run uses."""

from __future__ import annotations


def check_pattern(text: str) -> None:
    """Refuse what is no regular expression.

    Raises:
        ValueError: With the reason.
    """
    from dagu.workflow.values.errors import PatternInvalid  # the engine is loaded only where a pattern is
    from dagu.workflow.values.patterns import Pattern

    try:
        Pattern(text)
    except PatternInvalid as error:
        raise ValueError(error.message) from None


def check_expected(text: str) -> None:
    """Refuse an ``expected`` whose ``re:`` pattern is empty or bad.

    Raises:
        ValueError: With the reason.
    """
    if text.startswith("re:"):
        check_pattern(text.removeprefix("re:"))
