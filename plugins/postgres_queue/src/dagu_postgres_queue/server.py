"""What a server does for its workers: it writes their output to its files, and notices those that are lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from dagu.contracts.specs import Service
from dagu.errors import UsageError
from dagu_postgres_queue import orders
from dagu_postgres_queue.collector import Collector
from dagu_postgres_queue.database import Database, Unreachable, value
from dagu_postgres_queue.right import Right
from dagu_postgres_queue.timing import LOST

_LOOK = 2.0
"""Seconds between two looks at the leases."""

_log = logging.getLogger("dagu.workers")


class WorkersService(Service):
    """Runs until it is stopped, also while the database is away. It does nothing without the right to be the server.

    Raises:
        UsageError: A server with another home has it.
    """

    def __init__(self, environ: Mapping[str, str], home: Path, right: Right) -> None:
        self._environ = environ
        self._right = right
        self._stop = threading.Event()
        self._collector = Collector(environ, home, self._stop, may=self._may_collect)
        try:
            right.hold()
        except Unreachable as error:
            _log.warning("%s", error)

    def run(self) -> None:
        collecting = threading.Thread(target=self._collector.run, name="output of workers", daemon=True)
        collecting.start()
        try:
            self._look_after()
        finally:
            self._stop.set()
            collecting.join()

    def _look_after(self) -> None:
        database: Database | None = None
        since, away = time.monotonic(), False
        try:
            while not self._stop.is_set():
                try:
                    database = database or Database(self._environ)
                    # Who was away can't tell whether others were.
                    if not self._right.hold():
                        since = time.monotonic()
                    elif time.monotonic() - since > LOST:
                        self._reap(database)
                    if away:
                        _log.info("the database is back")
                    away = False
                except Unreachable as error:
                    if not away:
                        _log.warning("%s", error)
                    away = True
                    since = time.monotonic()
                self._stop.wait(_LOOK)
        finally:
            if database is not None:
                database.close()

    def stop(self, grace: float) -> None:
        del grace
        self._stop.set()

    def _reap(self, database: Database) -> None:
        with database.transaction() as connection:
            up = connection.execute(
                "SELECT pg_postmaster_start_time() < clock_timestamp() - make_interval(secs => %s)", (LOST,)
            ).fetchone()
            said = orders.reap(connection) if value(up) else []
        for line in said:
            _log.info("%s", line)

    def _may_collect(self) -> bool:
        try:
            return self._right.hold()
        except UsageError:
            return False  # the service ends for that reason
