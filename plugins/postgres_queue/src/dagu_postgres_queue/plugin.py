"""The entry point: offers the database, and the commands ``db`` and ``worker``. The driver is imported when used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import dagu
from dagu.contracts.shared import SharedDatabase
from dagu.contracts.specs import CommandSpec, DatabaseSpec


def open_database(environ: Mapping[str, str], home: Path, alive: Callable[[str], bool]) -> SharedDatabase:
    """The shared database that the environment names.

    Raises:
        DaguError: It can't be reached, or is not prepared.
    """
    from dagu_postgres_queue.shared import PostgresShared

    return PostgresShared(environ, home, alive)


def make_db() -> Any:
    """Make the command group ``db``."""
    from dagu_postgres_queue.command_db import app

    return app


def make_worker() -> Any:
    """Make the command group ``worker``."""
    from dagu_postgres_queue.command_worker import app

    return app


@dagu.hookimpl
def dagu_register_databases() -> Iterable[DatabaseSpec]:
    """Offer PostgreSQL."""
    for scheme in ("postgresql", "postgres"):
        yield DatabaseSpec(name=scheme, summary="History and queue in PostgreSQL", factory=open_database)


@dagu.hookimpl
def dagu_register_commands() -> Iterable[CommandSpec]:
    """Offer the commands of operators and workers."""
    yield CommandSpec(name="db", summary="Prepare and check the shared database", factory=make_db)
    yield CommandSpec(name="worker", summary="Take runs from the shared database", factory=make_worker)
