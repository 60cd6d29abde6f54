"""Output of workers into the files of this home."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath

from dagu_postgres_queue.database import Connection, Database, Unreachable, value
from dagu_postgres_queue.listening import listen
from dagu_postgres_queue.outgoing import GONE, WHOLE

CHUNKS = "dagu_chunks"
"""The channel on which new output is told."""

_AT_ONCE = 16
_ONLY_ONE = 0x6461677501  # of pg_try_advisory_xact_lock: one server collects at a time
_log = logging.getLogger("dagu.workers")


class Collector:
    """Appends what workers sent to the files that it belongs to, and removes it from the database.

    What is written twice is the same: a chunk knows its place in the file, and they come in order.

    Args:
        may: Asked before each round; output is left alone while it says no.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        home: Path,
        stop: threading.Event,
        *,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._environ = environ
        self._home = home
        self._stop = stop
        self._may = may
        self._database: Database | None = None

    def run(self) -> None:
        """Work until stopped."""
        listen(self._environ, (CHUNKS,), self._stop, tell=self._collect)
        if self._database is not None:
            self._database.close()

    def _collect(self, _channels: Collection[str]) -> None:
        if not self._may():
            return
        self._database = self._database or Database(self._environ)
        while not self._stop.is_set():
            with self._database.transaction() as connection:
                if not self._some(connection):
                    return

    def _some(self, connection: Connection) -> bool:
        alone = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_ONLY_ONE,)).fetchone()
        if not value(alone):
            return False
        chunks = connection.execute(
            'SELECT id, path, kind, "offset", data FROM dagu_chunks ORDER BY id LIMIT %s', (_AT_ONCE,)
        ).fetchall()
        for chunk in chunks:
            self._write(chunk["path"], chunk["kind"], chunk["offset"], chunk["data"])
        connection.execute("DELETE FROM dagu_chunks WHERE id = ANY(%s)", ([chunk["id"] for chunk in chunks],))
        return len(chunks) == _AT_ONCE

    def _write(self, path: str, kind: str, offset: int, data: bytes) -> None:
        parts = PurePosixPath(path).parts
        if len(parts) < 3 or parts[0] not in ("logs", "artifacts") or ".." in parts:
            _log.warning("output for %r has no place here and is dropped", path)
            return
        file = self._home.joinpath(*parts)
        try:
            if kind == GONE:
                file.unlink(missing_ok=True)
            else:
                _put(file, offset, data, fresh=kind == WHOLE)
        except OSError as error:
            raise Unreachable(f"{file} can't be written: {error.strerror or error}") from error


def _put(file: Path, offset: int, data: bytes, *, fresh: bool) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_TRUNC if fresh else 0)
    descriptor = os.open(file, flags, 0o600)
    try:
        view = memoryview(data)
        while view:
            done = os.pwrite(descriptor, view, offset)
            view, offset = view[done:], offset + done
    finally:
        os.close(descriptor)
