"""What a server does for its workers: it writes their output to its files, and notices those that are lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from dagu.contracts.specs import Service
from dagu_postgres_queue import orders
from dagu_postgres_queue.collector import Collector
from dagu_postgres_queue.database import Database, Unreachable, value
from dagu_postgres_queue.timing import LOST

_LOOK = 2.0
"""Seconds between two looks at the leases."""

_log = logging.getLogger("dagu.workers")


class WorkersService(Service):
    """Runs until it is stopped, also while the database is away."""

    def __init__(self, environ: Mapping[str, str], home: Path) -> None:
        self._environ = environ
        self._stop = threading.Event()
        self._collector = Collector(environ, home, self._stop)

    def run(self) -> None:
        collecting = threading.Thread(target=self._collector.run, name="output of workers", daemon=True)
        collecting.start()
        database: Database | None = None
        since = time.monotonic()
        while not self._stop.is_set():
            try:
                database = database or Database(self._environ)
                # Who was away can't tell whether others were.
                if time.monotonic() - since > LOST:
                    self._reap(database)
                else:
                    with database.transaction() as connection:
                        connection.execute("SELECT 1")
            except Unreachable as error:
                _log.warning("%s", error)
                since = time.monotonic()
            self._stop.wait(_LOOK)
        collecting.join()
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
