"""``.env`` files: which, where, and what they say. Reading them is the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

DEFAULT = ".env"


def dotenv_names(declared: Sequence[str] | None) -> tuple[str, ...]:
    """The files to look for, weakest first: ``.env``, then those declared; none where an empty list is."""
    if declared is None:
        return (DEFAULT,)
    return tuple(dict.fromkeys((DEFAULT, *declared))) if declared else ()


def dotenv_candidates(name: str, working_dir: Path, beside: Path | None) -> tuple[Path, ...]:
    """Where a file is looked for; the first that exists is read.

    Args:
        beside: The directory of the workflow file; None where the workflow is no file.
    """
    directories = (working_dir,) if beside is None else (working_dir, beside)
    return tuple(dict.fromkeys(directory / name for directory in directories))


def parse_dotenv(text: str) -> dict[str, str]:
    """The variables of a file. Names without ``=`` drop out; values are taken as they stand."""
    from dotenv import dotenv_values

    found = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name: value for name, value in found.items() if value is not None}
