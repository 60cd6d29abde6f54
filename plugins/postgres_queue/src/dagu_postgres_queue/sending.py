"""A run's files on their way home: what changed, in short transactions of its owner, never too much at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from dagu_postgres_queue import outgoing
from dagu_postgres_queue.artifacts import Artifacts
from dagu_postgres_queue.database import Connection, Database
from dagu_postgres_queue.outgoing import Transfer
from dagu_postgres_queue.streams import Streams

_PAUSE = 1.0


class Sender:
    """Sends what a run's steps print and make.

    Args:
        run_id: Of the outermost run.
        guard: Called in each transaction; raises if the run is another's.
        came_home: Set when output arrived at the server.
    """

    def __init__(
        self,
        database: Database,
        run_id: str,
        guard: Callable[[Connection], None],
        *,
        streams: Streams,
        artifacts: Artifacts,
        came_home: threading.Event,
    ) -> None:
        self._database = database
        self._run_id = run_id
        self._guard = guard
        self._streams = streams
        self._artifacts = artifacts
        self._came_home = came_home

    def send(self, folders: Mapping[str, Path], *, last: bool) -> None:
        """Send what is new in folders of a run, or a child of it; with ``last``, all that is not at home.

        Raises:
            Unreachable: The database went away; what was sent before is not sent again.
        """
        for transfer in self._streams.added(folders["logs"]):
            self._through(transfer)
        artifacts = folders.get("artifacts")
        if artifacts is None:
            return
        for path, transfer in self._artifacts.changed(artifacts, last=last):
            try:
                self._through(transfer)
            except OSError as error:
                self._artifacts.failed(path, error)
        for path in self._artifacts.gone(artifacts):
            with self._database.transaction() as connection:
                self._guard(connection)
                outgoing.put(connection, self._run_id, path, kind=outgoing.GONE)
            self._artifacts.removed(path)

    def _through(self, transfer: Transfer) -> None:
        while not transfer.done:
            self._make_room()
            with self._database.transaction() as connection:
                self._guard(connection)
                transfer.send(connection)
            transfer.sent()

    def _make_room(self) -> None:
        while True:
            self._came_home.clear()
            with self._database.transaction() as connection:
                if outgoing.under_way(connection, self._run_id) < outgoing.MOST:
                    return
            self._came_home.wait(_PAUSE)
