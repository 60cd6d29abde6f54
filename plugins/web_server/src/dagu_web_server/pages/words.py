"""Times and numbers as people read them. A browser turns times into its own time zone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any


def duration(seconds: float | None) -> str:
    """``0.4 s``, ``12 s``, ``3 m 05 s``, ``2 h 10 m``, ``3 d 4 h``."""
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def iso(at: float) -> str:
    """A moment for the attribute ``datetime``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(at: float) -> str:
    """A moment in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def number(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,.0f}".replace(",", "\u202f")


def dollars(value: float | None) -> str:
    """US dollars; small amounts keep the digits that tell them apart. Empty if unknown."""
    if value is None:
        return ""
    return f"${value:.2f}" if value >= 1 or value == 0 else f"${value:.4f}"


def shown_json(value: Any) -> str:
    """A value as JSON for people; text as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def shown_params(text: str) -> str:
    """Parameters as the command line takes them; empty if there are none."""
    try:
        given = json.loads(text or "{}")
    except ValueError:
        return text
    if isinstance(given, dict):
        return " ".join(f"{name}={_word(value)}" for name, value in given.items())
    if isinstance(given, list):
        return " ".join(_word(value) for value in given)
    return "" if given is None else text


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if text and not set(text) & set(" \t\n\"'") else json.dumps(text, ensure_ascii=False)


def shortened(text: str, most: int = 22) -> str:
    """A text, cut in its middle if it is long."""
    if len(text) <= most:
        return text
    head = (most - 1) * 2 // 3
    return f"{text[:head]}…{text[-(most - 1 - head) :]}"
