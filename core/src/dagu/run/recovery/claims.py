"""Who takes up the runs of dead runners: told by the locks of runs, in whatever home they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dagu.history.ownership import RUN_ID, RunLocks
from dagu.sandbox import labels


class RunClaims:
    """The claims on what dead runners left, as one process sees them.

    A run that is taken up again is locked by its new runner before that looks for what is left of it. What belongs to
    such a run is not touched by others; and while something is removed, its run can't be taken up.

    Args:
        own: Id of the run that this process runs; what is left of it is its own to remove.
        home: Where that run is kept.
    """

    def __init__(self, own: str = "", home: str = "") -> None:
        self._own = (home, own)

    @contextmanager
    def unclaimed(self, marks: Mapping[str, str]) -> Iterator[bool]:
        """Keep the run that labels name from being taken up meanwhile; False if it was already."""
        home, run = marks.get(labels.HOME, ""), marks.get(labels.RUN, "")
        if not home.startswith("/") or not RUN_ID.fullmatch(run) or (home, run) == self._own:
            yield True
            return
        with RunLocks(Path(home)).kept_free(run) as free:
            yield free
