"""Working directories on their way to workers: kept in pieces as long as the order for their run is."""

from __future__ import annotations

import tempfile
from itertools import count
from typing import BinaryIO, cast

from dagu_postgres_queue.database import Connection, Database

_PIECE = 1024 * 1024


def put(connection: Connection, run_id: str, archive: BinaryIO) -> None:
    """Keep an archive, as a part of the connection's transaction."""
    for number in count():
        piece = archive.read(_PIECE)
        if not piece:
            return
        connection.execute(
            "INSERT INTO dagu_workspaces (run_id, number, data) VALUES (%s, %s, %b)", (run_id, number, piece)
        )


def get(database: Database, run_id: str) -> BinaryIO | None:
    """The archive of a run, to be closed; None if it has none.

    Raises:
        Unreachable: The database went away.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    try:
        for number in count():
            with database.transaction() as connection:
                row = connection.execute(
                    "SELECT data FROM dagu_workspaces WHERE run_id = %s AND number = %s", (run_id, number)
                ).fetchone()
            if row is None:
                break
            file.write(row["data"])
        if number:
            file.seek(0)
            return cast(BinaryIO, file)
    except BaseException:
        file.close()
        raise
    file.close()
    return None
