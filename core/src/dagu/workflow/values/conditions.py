"""Preconditions that match a value. Those that run a command are met by its exit status alone."""

from __future__ import annotations

from dagu.workflow.values.patterns import expected_matcher, line_matches


def matches(value: str, expected: str) -> bool:
    """Whether a line of the value equals ``expected``, or holds the pattern P of ``re:P``.

    Raises:
        PatternInvalid: The pattern is empty or bad.
    """
    lines = value.replace("\r\n", "\n").split("\n")
    return line_matches(lines, expected_matcher(expected))


def met(found: bool, *, negate: bool) -> bool:
    """Whether a precondition holds; ``negate`` swaps met and not met. An error is neither."""
    return found is not negate
