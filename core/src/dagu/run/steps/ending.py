"""How an attempt ended."""

from __future__ import annotations

from dagu.frozen import dataclass
from dagu.history.records import Status

TIMED_OUT = 124
"""Exit code of a command that was ended for its time; as of timeout(1)."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How an attempt ended.

    Attributes:
        error: Why it failed.
        output_file: What the command left at ``output_path``; None if nothing.
    """

    status: Status = Status.SUCCEEDED
    exit_code: int = 0
    error: str = ""
    timed_out: bool = False
    output_file: bytes | None = None


def failed(error: str, *, exit_code: int = 1) -> Ended:
    """An attempt that failed by itself."""
    return Ended(status=Status.FAILED, exit_code=exit_code, error=error)
