"""One connection for many threads, made anew when it was lost, with transactions that nest."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row

from dagu.errors import DaguError, HistoryUnreachable
from dagu_postgres_queue import schema
from dagu_postgres_queue.url import OPTIONS, STATEMENT_SECONDS, advice, parameters, shown

Connection = psycopg.Connection[DictRow]
_Answer = TypeVar("_Answer")

ANSWER_SECONDS = STATEMENT_SECONDS + 5.0
"""After which a server that should long have given up the statement counts as frozen."""


class Unreachable(HistoryUnreachable):
    """The database did not answer; it may later."""


class _Prompt(psycopg.Connection[DictRow]):
    """A connection that waits for ever for no answer: the kernel of a frozen server's machine keeps it alive."""

    answers_within = math.inf

    def wait(self, gen: Generator[Any, Any, _Answer], *args: Any, **named: Any) -> _Answer:
        return super().wait(_limited(gen, self.answers_within), *args, **named)


def _limited(work: Generator[Any, Any, _Answer], seconds: float) -> Generator[Any, Any, _Answer]:
    until = time.monotonic() + seconds
    try:
        wanted = next(work)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > until:
                raise psycopg.OperationalError(f"no answer within {seconds:g} s")
            wanted = work.send(ready)
    except StopIteration as end:
        answer: _Answer = end.value
        return answer


def connect(environ: Mapping[str, str]) -> Connection:
    """A connection that commits each statement.

    Raises:
        Unreachable: The server does not answer, or refuses.
    """
    given = parameters(environ)
    try:
        found = _Prompt.connect(**given, autocommit=True, row_factory=dict_row, prepare_threshold=None)
    except psycopg.OperationalError as error:
        raise _unreachable(environ, error) from error
    if given["options"] == OPTIONS:  # else statements take as long as the URL says
        found.answers_within = ANSWER_SECONDS
    return found


class Database:
    """The database. Every method may be called from any thread.

    Args:
        checked: Refuse one that is not prepared for this version.

    Raises:
        DaguError: It can't be reached, or is not prepared.
    """

    def __init__(self, environ: Mapping[str, str], *, checked: bool = True) -> None:
        self.environ = environ
        self._lock = threading.RLock()
        self._depth = 0
        self._closed = False
        self._connection: Connection | None = connect(environ)
        if checked:
            try:
                with explained(self.environ):
                    schema.check(self._connection)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Everything inside happens at one moment, or not at all. Other threads wait.

        Raises:
            Unreachable: The server went away; what was inside may have happened or not.
            DaguError: The server refused.
        """
        with self._lock, explained(self.environ):
            if self._depth:
                assert self._connection is not None
                yield self._connection
                return
            connection = self._begun()
            self._depth += 1
            try:
                yield connection
                connection.execute("COMMIT")
            except psycopg.errors.ReadOnlySqlTransaction:
                connection.close()  # another server may be the first one by now
                raise
            except BaseException:
                self._roll_back(connection)
                raise
            finally:
                self._depth -= 1

    def _begun(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            try:
                self._connection.execute("BEGIN")
            except psycopg.OperationalError:
                self._connection.close()  # the server was restarted since; nothing was begun
            else:
                return self._connection
        if self._closed:
            raise DaguError("the database was closed")
        self._connection = connect(self.environ)
        self._connection.execute("BEGIN")
        return self._connection

    def _roll_back(self, connection: Connection) -> None:
        try:
            if not connection.closed:
                connection.execute("ROLLBACK")
        except psycopg.Error:
            connection.close()


@contextmanager
def explained(environ: Mapping[str, str]) -> Iterator[None]:
    """Errors of the driver as those of :class:`Database`."""
    try:
        yield
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.ReadOnlySqlTransaction,
    ) as error:
        raise _unreachable(environ, error) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise DaguError(
            f"database {shown(environ)}: {_line(error)}", hint="grant it to the role of the URL"
        ) from error


def _unreachable(environ: Mapping[str, str], error: psycopg.Error) -> Unreachable:
    said = _line(error)
    return Unreachable(f"database {shown(environ)}: {said}", hint=advice(said))


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def value(row: Mapping[str, Any] | None) -> Any:
    """The one value of a row."""
    assert row is not None
    return next(iter(row.values()))
