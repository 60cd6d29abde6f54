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
    for run_id in sorted(run_ids):
        try:
            if context.history.status(run_id) is Status.INTERRUPTED:
                context.resume(run_id)
                say(f"run {run_id} was interrupted and goes on")
        except RunNotFound:
            continue  # somebody removed it
        except HistoryUnreachable:
            raise
        except DaguError as error:
            say(f"run {run_id} was interrupted and can't go on: {error}")


def go_on(context: LocalContext, stopped: StoppedRuns, say: Callable[[str], object]) -> None:
    """Go on with runs that were stopped only because their service was, and that nobody touched since.

    Args:
        say: Told what is gone on with, and what can't be.
    """
    attempts = stopped.take()
    for run_id, attempt_id in sorted(attempts.items()):
        try:
            run = context.history.run(run_id)
            if (run.status, run.attempt_id) == (Status.ABORTED, attempt_id):
                context.retry(run_id)
                say(f"run {run_id} was stopped with its service and goes on")
        except RunNotFound:
            continue  # somebody removed it
        except HistoryUnreachable:
            stopped.note(attempts)
            raise
        except DaguError as error:
            say(f"run {run_id} was stopped with its service and can't go on: {error}")
