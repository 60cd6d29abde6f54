"""Directories that fields name."""

from __future__ import annotations

from pathlib import Path

from dagu.errors import UsageError


def made_directory(path: Path, field: str) -> Path:
    """The directory, made if it is missing, with its parents.

    Raises:
        UsageError: It can't be used; the message names the field.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UsageError(f"{field}: {path} can't be used: {reason(error)}") from error
    return path


def reason(error: OSError | ValueError) -> str:
    """Why a path can't be used; a path with a NUL in it is a ValueError."""
    return getattr(error, "strerror", None) or str(error)
