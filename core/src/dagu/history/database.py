"""One SQLite connection for many threads, with transactions that nest and errors that users understand."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagu.contracts.rows import Row
from dagu.errors import DaguError
from dagu.history import schema
from dagu.history.home import make_directory

BUSY_SECONDS = 30.0
"""How long another process may hold the database before a write gives up."""

_HINTS = {
    sqlite3.SQLITE_FULL: "free some space, or move DAGU_HOME to another disk",
    sqlite3.SQLITE_READONLY: "make it writable for this user, or set DAGU_HOME to another directory",
    sqlite3.SQLITE_CANTOPEN: "make it readable and writable for this user, or set DAGU_HOME to another directory",
    sqlite3.SQLITE_PERM: "make it readable and writable for this user, or set DAGU_HOME to another directory",
    sqlite3.SQLITE_CORRUPT: "move the file away to start with an empty history, or restore a backup of it",
    sqlite3.SQLITE_NOTADB: "move the file away to start with an empty history, or restore a backup of it",
    sqlite3.SQLITE_BUSY: "another process holds it for long; see which one with `fuser`",
    sqlite3.SQLITE_IOERR: "check the disk and its free space",
}


class Database:
    """The database file. Every method may be called from any thread.

    Raises:
        DaguError: It can't be opened, or a newer dagu has written it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        make_directory(path.parent)
        with self._explained():
            self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            # SQLite gives its companion files the mode of the database. One that is there is not touched: closing it
            # would take the locks of every other connection of this process away.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            pass
        except OSError as error:
            raise DaguError(
                f"history {self.path}: {error.strerror or error}", hint=_HINTS[sqlite3.SQLITE_CANTOPEN]
            ) from error
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # A power cut may lose the last moments, but never breaks the file.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
            if schema.version(connection) > len(schema.MIGRATIONS):
                raise DaguError(
                    f"the history {self.path} was written by a newer dagu",
                    hint="upgrade dagu, or set DAGU_HOME to another directory",
                )
            schema.migrate(connection)
            connection.row_factory = _row
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the file; nothing may be asked afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        """Everything inside happens at one moment, or not at all. Other threads wait.

        Raises:
            DaguError: SQLite refused.
        """
        with self._lock, self._explained():
            if self._depth:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            self._depth += 1
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite itself has rolled back after some errors, a full disk for one.
                if self._connection.in_transaction:
                    self._connection.rollback()
                raise
            finally:
                self._depth -= 1

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code not in _HINTS:
                raise  # a mistake of ours, not of the machine
            raise DaguError(f"history {self.path}: {error}", hint=_HINTS[code]) from error


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> Row:
    return dict(zip([column[0] for column in cursor.description], values, strict=True))
