"""Errors as users see them: a message with its cause and remedy, and no traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from dagu.errors import DaguError, HistoryUnreachable


def report(error: Exception, environ: Mapping[str, str]) -> int:
    """Print an error to standard error, with its traceback if ``DAGU_DEBUG`` is set.

    Returns:
        The exit status: 1, or 75 (``EX_TEMPFAIL``) where the same may do when the database is back.
    """
    if environ.get("DAGU_DEBUG", "") not in ("", "0"):
        import traceback

        traceback.print_exception(error)
    sys.stderr.write(f"Error: {message(error)}\n")
    return os.EX_TEMPFAIL if isinstance(error, HistoryUnreachable) else 1


def message(error: Exception) -> str:
    """What to tell the user about an error."""
    if isinstance(error, DaguError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    return f"{text}\n  hint: this is a bug in dagu; DAGU_DEBUG=1 shows where, please report it"
