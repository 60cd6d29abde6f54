"""The shared database, as servers and commands use it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dagu.contracts.shared import AGAIN, Order, SharedDatabase
from dagu.contracts.specs import Service
from dagu_postgres_queue import roster
from dagu_postgres_queue.database import Database, value
from dagu_postgres_queue.history import CHANGES, PostgresHistory
from dagu_postgres_queue.listening import listen
from dagu_postgres_queue.place import place_of
from dagu_postgres_queue.right import Right

HOME = "dagu_home"
"""The channel on which it is told that output came home."""


class PostgresShared(SharedDatabase):
    """The database that ``DAGU_DATABASE_URL`` names.

    Args:
        alive: Whether a process of this home owns a run.
    """

    def __init__(self, environ: Mapping[str, str], home: Path, alive: Callable[[str], bool]) -> None:
        self._environ = environ
        self._home = home
        self._database = Database(environ)
        place = place_of(home)
        self.history = PostgresHistory(self._database, place, alive)
        self._right = Right(environ, home, place)

    def close(self) -> None:
        self._right.close()
        self._database.close()

    def send(self, order: Order) -> None:
        from dagu_postgres_queue import orders  # the queue's library takes its time

        with self._database.transaction() as connection:
            orders.send(connection, order)

    def cancel(self, run_id: str) -> bool:
        from dagu_postgres_queue import orders

        with self._database.transaction() as connection:
            return orders.cancel(connection, run_id, time.time())

    def under_way(self) -> Collection[str]:
        with self._database.transaction() as connection:
            found = connection.execute(
                "SELECT run_id FROM dagu_orders WHERE state <> 'lost' OR (on_lost = %s AND NOT again)",
                (AGAIN,),
            )
            return [row["run_id"] for row in found]

    def advice(self, order: Order) -> str:
        with self._database.transaction() as connection:
            return roster.advice(connection, order)

    def wait(self, run_id: str, timeout: float | None = None, *, output: bool = True) -> bool:
        if self._settled(run_id, output):
            return True
        if timeout is not None and timeout <= 0:
            return False
        over = threading.Event()

        def look(_channels: Collection[str]) -> None:
            if self._settled(run_id, output):
                over.set()

        if timeout is not None:
            timer = threading.Timer(timeout, over.set)
            timer.daemon = True
            timer.start()
        listen(self._environ, (CHANGES, HOME), over, tell=look)
        return self._settled(run_id, output)

    def _settled(self, run_id: str, output: bool) -> bool:
        query = "SELECT NOT EXISTS (SELECT 1 FROM dagu_orders WHERE run_id = %s AND state <> 'lost')"
        if output:
            query += (
                " AND NOT EXISTS (SELECT 1 FROM dagu_chunks WHERE run_id = %s OR run_id IN"
                " (SELECT run_id FROM dagu_runs WHERE root_id = %s))"
            )
        with self._database.transaction() as connection:
            values = [run_id] * query.count("%s")
            return bool(value(connection.execute(query.encode(), values).fetchone()))

    def workers(self) -> Sequence[Mapping[str, Any]]:
        with self._database.transaction() as connection:
            return roster.workers(connection)

    def be_server(self) -> bool:
        return self._right.hold()

    def service(self) -> Service:
        from dagu_postgres_queue.server import WorkersService

        return WorkersService(self._environ, self._home, self._right)
