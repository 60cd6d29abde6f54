"""Ending the runs of a service that stops: they may end by themselves, are asked to, are killed; nothing is left."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

from dagu.errors import DaguError, HistoryUnreachable, UsageError
from dagu.history.records import Status
from dagu.sandbox.guardian import end_orphans
from dagu.service.context import LocalContext
from dagu.service.scheduler import is_ours
from dagu.service.stopped import StoppedRuns

PATIENCE = 60.0
"""Seconds that runs have, after they were asked to stop, for their clean-up and their handlers."""

KILLED = 10.0
"""Seconds after which a run that was killed, and has not ended, is out of reach."""


class Drain:
    """Ends runs.

    Args:
        hurry: Set when somebody can't wait any longer: ends the present stage.
        say: Told in a line what it does.
    """

    def __init__(
        self, context: LocalContext, *, hurry: threading.Event, say: Callable[[str], object]
    ) -> None:
        self._context = context
        self._hurry = hurry
        self._say = say
        self._left = _running(context, say)
        self._changed = threading.Condition()

    def __call__(self, grace: float, patience: float = PATIENCE) -> None:
        """Block until no run is left.

        Args:
            grace: Seconds that runs have to end by themselves.
            patience: Seconds that they have once they were asked to stop.
        """
        if not self._left:
            return
        for run_id in self._left:
            threading.Thread(target=self._wait, args=(run_id,), name=f"end of {run_id}", daemon=True).start()
        if grace and self._ends(grace, f"{grace:g} s for {_runs(self._left)} to end"):
            return
        self._note()
        self._signal(signal.SIGTERM)
        if self._ends(patience, f"{patience:g} s for {_runs(self._left)} to stop"):
            return
        self._signal(signal.SIGKILL)
        if not self._ends(KILLED, f"{KILLED:g} s for {_runs(self._left)} that had to be killed"):
            self._say(f"left running: {', '.join(sorted(self._left))}")
        end_orphans()

    def _note(self) -> None:
        attempts = {}
        try:
            for run_id in list(self._left):
                run = self._context.history.run(run_id)
                if run.status is Status.RUNNING:
                    attempts[run_id] = run.attempt_id
            StoppedRuns(self._context.config.home).note(attempts)
        except DaguError as error:
            self._say(f"runs that are stopped now will not go on by themselves: {error}")

    def hurry(self) -> None:
        """Wait no longer."""
        self._hurry.set()
        with self._changed:
            self._changed.notify_all()

    def _ends(self, seconds: float, what: str) -> bool:
        self._say(f"waiting at most {what}: {', '.join(sorted(self._left))}")
        until = time.monotonic() + seconds
        with self._changed:
            while self._left and not self._hurry.is_set() and (rest := until - time.monotonic()) > 0:
                self._changed.wait(rest)
            self._hurry.clear()
            return not self._left

    def _wait(self, run_id: str) -> None:
        self._context.launcher.wait(run_id)
        self._context.locks.wait_until_free(run_id)
        with self._changed:
            self._left.discard(run_id)
            self._changed.notify_all()

    def _signal(self, number: signal.Signals) -> None:
        for run_id in list(self._left):
            try:
                if not self._context.locks.send_signal(run_id, number):
                    # It has not come so far that it owns the run.
                    self._context.launcher.send_signal(run_id, number)
            except UsageError as error:
                self._say(str(error))


def _running(context: LocalContext, say: Callable[[str], object]) -> set[str]:
    """The runs whose processes were started here, and those that a scheduler before this one left running."""
    found = set(context.launcher.here())
    try:
        running = context.history.runs(status=Status.RUNNING, limit=None)
    except HistoryUnreachable as error:
        say(f"only runs that were started here are ended: {error}")
        return found
    return found | {run.run_id for run in running if is_ours(run) and not run.worker_id}


def _runs(ids: set[str]) -> str:
    return "1 run" if len(ids) == 1 else f"{len(ids)} runs"
