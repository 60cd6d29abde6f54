"""What a service left behind: runs that it recorded and did not start, and runs that ended with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dagu.errors import DaguError, HistoryUnreachable, RunNotFound
from dagu.history.records import Status
from dagu.service.context import LocalContext
from dagu.service.stopped import StoppedRuns

_STARTING = 60.0
"""Seconds that another process may take from recording a run to starting it."""


def end_unstarted(context: LocalContext, now: float) -> None:
    """End the records of runs whose starter died before it could start them. ``now`` is seconds since the epoch."""
    history = context.history
    under_way = set(context.launcher.running())
    for run in history.runs(status=Status.QUEUED, queue="", until=now - _STARTING, limit=None):
        if run.run_id not in under_way and not context.locks.is_alive(run.run_id):
            history.end_queued(run.run_id, Status.FAILED, "the process that was to start it is gone", now)


def take_up(context: LocalContext, run_ids: Iterable[str], say: Callable[[str], object]) -> None:
    """Go on with those of the runs that were interrupted.

    Args:
        say: Told what is gone on with, and what can't be.
    """

    def resume(run_id: str) -> bool:
        wanted = context.history.status(run_id) is Status.INTERRUPTED
        if wanted:
            context.resume(run_id)
        return wanted

    for run_id in sorted(run_ids):
        _go_on(run_id, "was interrupted", resume, say)


def go_on(context: LocalContext, stopped: StoppedRuns, say: Callable[[str], object]) -> None:
    """Go on with runs that were stopped only because their service was, and that nobody touched since.

    Args:
        say: Told what is gone on with, and what can't be.
    """
    attempts = stopped.take()

    def retry(run_id: str) -> bool:
        run = context.history.run(run_id)
        wanted = (run.status, run.attempt_id) == (Status.ABORTED, attempts[run_id])
        if wanted:
            context.retry(run_id)
        return wanted

    try:
        for run_id in sorted(attempts):
            _go_on(run_id, "was stopped with its service", retry, say)
    except HistoryUnreachable:
        stopped.note(attempts)
        raise


def _go_on(run_id: str, what: str, begin: Callable[[str], bool], say: Callable[[str], object]) -> None:
    """Have a run begun, if it is to be; what is in its way is told, unless it may be gone soon."""
    try:
        if begin(run_id):
            say(f"run {run_id} {what} and goes on")
    except RunNotFound:
        return  # somebody removed it
    except HistoryUnreachable:
        raise
    except DaguError as error:
        say(f"run {run_id} {what} and can't go on: {error}")
