"""What the model answers: one turn for each request that an agent makes."""

from __future__ import annotations

import enum
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What one request is said to have cost. ``cached`` is the part of ``input`` that came from a cache."""

    input: int = 100
    cached: int = 0
    output: int = 10

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            input=self.input + other.input,
            cached=self.cached + other.cached,
            output=self.output + other.output,
        )


class Fault(enum.Enum):
    """How a request fails."""

    SERVER_ERROR = 500
    TOO_MANY_REQUESTS = 429
    BAD_REQUEST = 400
    HANG = "hang"
    """Headers and the beginning of a stream, then silence until the server stops."""
    CLOSE_MIDWAY = "close"
    """The beginning of a stream, then the end of the connection."""


@dataclass(frozen=True)
class Say:
    """The model says something and is done."""

    text: str


@dataclass(frozen=True)
class WriteFile:
    """The model has the agent write a file, with whichever tool the request offers for that."""

    path: str
    content: str


@dataclass(frozen=True)
class Turn:
    """The answer to one request. A fault takes the place of the action, or cuts it short."""

    action: Say | WriteFile
    tokens: Tokens = Tokens()
    fault: Fault | None = None
