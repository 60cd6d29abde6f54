"""How times, durations and tables look."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from dagu.errors import UsageError

CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""Terminal sequences and control characters, which a step's output may not bring into dagu's own."""
_SPAN = re.compile(r"([0-9]+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def clean(text: str) -> str:
    """The text without what would move a terminal's cursor or change its colours."""
    return CONTROL.sub("", text.replace("\t", " "))


def one_line(text: str, limit: int = 200) -> str:
    """The first line that says something, cut to a limit."""
    for line in text.splitlines():
        shown = clean(line).strip()
        if shown:
            return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
    return ""


def timestamp(at: float | None) -> str:
    """RFC 3339 in UTC to the second; empty for None."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(started: float | None, finished: float | None, *, ended: bool) -> str:
    """How long something took or takes: ``350ms``, ``5s``, ``2m30s``, ``1h5m``, ``2d3h``; empty if unknown."""
    if started is None or (finished is None and ended):
        return ""
    seconds = max(0.0, (time.time() if finished is None else finished) - started)
    if seconds < 1:
        return f"{int(seconds * 1000)}ms"
    whole = int(seconds)
    for size, unit, smaller, smaller_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size}{unit}" + (f"{rest}{smaller_unit}" if rest else "")
    return f"{whole}s"


def ago(text: str) -> float:
    """The moment that long ago, ``7d`` or ``24h``, or an RFC 3339 date or time, in seconds since the epoch.

    Raises:
        UsageError: It is neither.
    """
    if match := _SPAN.fullmatch(text.strip()):
        return time.time() - int(match[1]) * _SECONDS[match[2]]
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"{text!r} is no time", hint="write 7d, 24h, 30m, 2031-04-05 or 2031-04-05T06:07:08Z"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces apart; an empty cell is a dash."""
    shown = [list(heads), *([one_line(cell) or "-" for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(heads))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in shown)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def remark(text: str) -> None:
    """Tell the user something beside the output, on standard error."""
    sys.stderr.write(f"{text}\n")
