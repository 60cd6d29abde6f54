"""Being told what happens in the database; and looking again now and then, since a pooler may swallow it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import psycopg

from dagu_postgres_queue.database import Unreachable, connect

_STEP = 0.2
"""Seconds until a stop is noticed."""

LOOK_AGAIN = 2.0
"""Seconds after which it is as if something had been told."""

_PAUSE = 1.0
_log = logging.getLogger("dagu.workers")


def listen(
    environ: Mapping[str, str],
    channels: Sequence[str],
    stop: threading.Event,
    *,
    ready: Callable[[], object] = lambda: None,
    tell: Callable[[Collection[str]], object],
    again: float = LOOK_AGAIN,
) -> None:
    """Listen, in the calling thread, until ``stop`` is set; also over times at which the database is away.

    Args:
        ready: Called once, when the listening began, or the database could not be reached.
        tell: Called with the channels on which something was told; with all, when something may have been missed.
        again: Seconds after which that is assumed.
    """
    first = True
    said = ""
    while not stop.is_set():
        try:
            with connect(environ) as connection:
                for channel in channels:
                    connection.execute(f"LISTEN {channel}".encode())
                if first:
                    ready()
                first = False
                tell(channels)
                said = ""
                _follow(connection, channels, stop, tell, again)
        except (psycopg.OperationalError, psycopg.InterfaceError, Unreachable) as error:
            if first:
                ready()
            first = False
            if (why := " ".join(str(error).split())) != said:
                said = why
                _log.warning("%s; trying again", why)
            stop.wait(_PAUSE)


def _follow(
    connection: psycopg.Connection[object],
    channels: Sequence[str],
    stop: threading.Event,
    tell: Callable[[Collection[str]], object],
    again: float,
) -> None:
    last = time.monotonic()
    while not stop.is_set():
        told = {note.channel for note in connection.notifies(timeout=_STEP, stop_after=1)}
        if told:
            tell(told)
        elif time.monotonic() - last >= again:
            # The statement also finds out whether the server is still there.
            connection.execute("SELECT 1")
            last = time.monotonic()
            tell(channels)
