"""Names of runs."""

from __future__ import annotations

import secrets
import time

from dagu.errors import UsageError
from dagu.history.ownership import RUN_ID


def new_run_id() -> str:
    """A run id that sorts by time and that nothing else has."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"


def new_attempt_id() -> str:
    """An id for one attempt of a run."""
    return secrets.token_hex(8)


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
