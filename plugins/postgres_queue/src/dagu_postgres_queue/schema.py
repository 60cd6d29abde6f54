"""The tables, and the steps from one version of them to the next; those of Procrastinate come with its package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagu.errors import DaguError

if TYPE_CHECKING:
    from dagu_postgres_queue.database import Connection

MIGRATIONS = ("0001_tables.sql", "0002_artifacts_and_health.sql")
"""File N brings a database from version N to N + 1. One that was released is never changed."""

_LOCK = 0x64616775  # "dagu": of pg_advisory_xact_lock, so that one migrates at a time


def version(connection: Connection) -> int:
    """The version of a database; 0 for an empty one."""
    if _one(connection, "SELECT to_regclass('dagu_meta')::text") is None:
        return 0
    return int(_one(connection, "SELECT version FROM dagu_meta"))


def check(connection: Connection) -> None:
    """Make sure that a database is as this version wants it.

    Raises:
        DaguError: It is not.
    """
    found = version(connection)
    if found > len(MIGRATIONS):
        raise DaguError("the database was prepared by a newer dagu", hint="upgrade dagu-postgres-queue here")
    if found < len(MIGRATIONS):
        what = "older than this dagu" if found else "not prepared"
        raise DaguError(f"the database is {what}", hint="dagu db migrate")


def migrate(connection: Connection) -> list[str]:
    """Bring a database to the newest version, in one transaction.

    Returns:
        What was done.

    Raises:
        DaguError: It is of a newer dagu.
    """
    done = []
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        found = version(connection)
        if found > len(MIGRATIONS):
            check(connection)
        if not found:
            done += _install_queue(connection)
        else:
            done += _upgrade_queue(connection)
        for name in MIGRATIONS[found:]:
            text = (resources.files("dagu_postgres_queue") / "migrations" / name).read_text()
            _run(connection, text)
            done.append(name)
        connection.execute("UPDATE dagu_meta SET version = %s", [len(MIGRATIONS)])
        if steps := _queue_steps():
            connection.execute("UPDATE dagu_meta SET queue_step = %s", [steps[-1].name])
    return done


def _install_queue(connection: Connection) -> list[str]:
    from procrastinate.schema import SchemaManager

    if _one(connection, "SELECT to_regclass('procrastinate_jobs')::text") is not None:
        return []
    _run(connection, SchemaManager.get_schema())
    return ["procrastinate"]


def _upgrade_queue(connection: Connection) -> list[str]:
    known = _one(connection, "SELECT queue_step FROM dagu_meta")
    steps = [step for step in _queue_steps() if step.name > known]
    for step in steps:
        _run(connection, step.read_text())
    return [f"procrastinate {step.stem}" for step in steps]


def _queue_steps() -> list[Path]:
    from procrastinate.schema import SchemaManager

    return sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))


def _run(connection: Connection, text: str) -> None:
    connection.execute(text.encode())  # without parameters, so that it may hold several statements


def _one(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return next(iter(row.values()))
