"""Names of runs."""

from __future__ import annotations

import os
import time

from dagu.errors import UsageError
from dagu.history.ownership import RUN_ID


def new_run_id() -> str:
    """A run id that sorts by time and that nothing else has."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(4).hex()}"


def new_attempt_id() -> str:
    """An id for one attempt of a run."""
    return os.urandom(8).hex()


def checked_run_id(run_id: str) -> str:
    """The run id.

    Raises:
        UsageError: It is none.
    """
    if not RUN_ID.fullmatch(run_id):
        raise UsageError(
            f"{run_id!r} is no run id", hint="use 1 to 64 letters, digits, dashes and underscores"
        )
    return run_id
