"""History in PostgreSQL passes the kit of history stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu.errors import DaguError
from dagu.history.ownership import RunLocks
from dagu.testing import HistoryConformance
from dagu.testing.history_kit.frame import Opener, Owning
from dagu_postgres_queue import schema
from dagu_postgres_queue.database import Database, Unreachable, connect
from dagu_postgres_queue.history import PostgresHistory
from dagu_postgres_queue.place import place_of


class TestPostgresHistory(HistoryConformance):
    @pytest.fixture
    def opened(self, database: str, tmp_path: Path) -> Opener:
        environ = {"DAGU_DATABASE_URL": database}
        with connect(environ) as connection:
            schema.migrate(connection)
        return lambda: PostgresHistory(Database(environ), place_of(tmp_path), RunLocks(tmp_path).is_alive)

    @pytest.fixture
    def owned(self, tmp_path: Path) -> Owning:
        return lambda run_id: RunLocks(tmp_path).acquire(run_id)


def test_a_database_that_is_not_prepared_is_refused(database: str) -> None:
    with pytest.raises(DaguError, match="not prepared") as caught:
        Database({"DAGU_DATABASE_URL": database})
    assert caught.value.hint == "dagu db migrate"


def test_migrating_twice_changes_nothing(database: str) -> None:
    with connect({"DAGU_DATABASE_URL": database}) as connection:
        assert schema.migrate(connection) == ["procrastinate", *schema.MIGRATIONS]
        assert schema.migrate(connection) == []
        connection.execute("UPDATE dagu_meta SET version = 99")
        with pytest.raises(DaguError, match="newer dagu"):
            schema.check(connection)


def test_no_password_is_told(database: str) -> None:
    url = database.replace("dagu@", "dagu:hunter2@").rsplit("/", 1)[0] + "/nowhere"
    with pytest.raises(DaguError) as caught:
        Database({"DAGU_DATABASE_URL": url})
    assert "nowhere" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(DaguError) as caught:
        Database({"DAGU_DATABASE_URL": "postgresql://dagu:hunter2@[::1"})
    assert "hunter2" not in str(caught.value)


def test_a_server_that_became_read_only_counts_as_away(database: str) -> None:
    environ = {"DAGU_DATABASE_URL": database}
    with connect(environ) as connection:
        schema.migrate(connection)
    shared = Database(environ)
    with shared.transaction() as connection:
        connection.execute("SET SESSION default_transaction_read_only = on")
    change = "UPDATE dagu_meta SET version = version"
    with pytest.raises(Unreachable, match="read-only"), shared.transaction() as connection:
        connection.execute(change)
    with shared.transaction() as connection:  # by a new connection, which may find another server
        connection.execute(change)
    shared.close()
