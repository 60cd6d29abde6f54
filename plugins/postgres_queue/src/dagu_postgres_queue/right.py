"""Which server works on the database: one at a time, and the first."""

from __future__ import annotations

import platform
import threading
from collections.abc import Mapping
from pathlib import Path

from dagu.errors import DaguError, UsageError
from dagu_postgres_queue.database import Connection, connect, explained, value

_KEY = 0x6461677502  # of an advisory lock
_MARK = "dagu server "
_NAME = 63
_HOST = 24
"""Characters that the name of a session has at most, and that are left of a host's."""

# A server whose machine lost power, or its network, is noticed within seconds; and it is idle on purpose.
_SETTINGS = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "idle_in_transaction_session_timeout": "0",
}
_SINCE_17 = {"transaction_timeout": "0"}


class Right:
    """The right to be the server of a database. Any thread may call.

    It is a lock of a transaction that stays open on a connection of its own: PostgreSQL takes it back when that
    connection ends, however it ends, and a pooler can't give the connection to somebody else meanwhile. Who has it
    says so in the name of its session.

    Args:
        place: The home directory, by its id.
    """

    def __init__(self, environ: Mapping[str, str], home: Path, place: str) -> None:
        self._environ = environ
        self._place = place[:8]
        self._name = _session_name(f"{_MARK}{self._place} {platform.node()[:_HOST]}:", str(home))
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def hold(self) -> bool:
        """Take it, or make sure that it is held still; False while another server of this home has it.

        Raises:
            UsageError: A server of another home has it.
            Unreachable: The database does not answer.
        """
        with self._lock:
            if self._connection is not None:
                try:
                    with explained(self._environ):
                        self._connection.execute("SELECT 1")
                except DaguError:
                    self._connection.close()  # and with it the right; perhaps it can be had again
                    self._connection = None
                else:
                    return True
            self._connection = self._taken()
            return self._connection is not None

    def close(self) -> None:
        """Give it back."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _taken(self) -> Connection | None:
        connection = connect(self._environ)
        taken = False
        try:
            with explained(self._environ):
                connection.execute("BEGIN")
                got = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_KEY,))
                taken = value(got.fetchone())
                if not taken:
                    self._refuse(connection)
                    return None
                more = _SINCE_17 if connection.info.server_version >= 170_000 else {}
                for name, wanted in {**_SETTINGS, **more, "application_name": self._name}.items():
                    connection.execute("SELECT set_config(%s, %s, true)", (name, wanted))
        finally:
            if not taken:
                connection.close()
        return connection

    def _refuse(self, connection: Connection) -> None:
        """Raise an error, unless who has it is of this home."""
        row = connection.execute(
            "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s AND objsubid = 1"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (_KEY >> 32, _KEY & 0xFFFFFFFF),
        ).fetchone()
        # It may have ended just now, or not have said its name yet.
        place, _, who = (row["application_name"] if row else "").removeprefix(_MARK).partition(" ")
        if who and place != self._place:
            raise UsageError(
                f"the database has a server already: {who}",
                hint="stop that one, or give this one a database of its own",
            )


def _session_name(start: str, home: str) -> str:
    room = _NAME - len(start)
    return start + (home if len(home) <= room else f"...{home[3 - room :]}")
