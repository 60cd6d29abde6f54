"""Files on their way home: pieces that know their places, in short transactions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dagu_postgres_queue.database import Connection

MORE, WHOLE, GONE = "more", "whole", "gone"
"""What a piece is: added to a file; the begin of one that replaces what is there; or the file is to be removed."""

_PIECE = 256 * 1024
_AT_ONCE = 4
"""Pieces in one transaction: a short one, since the lease of the run waits for its end."""

MOST = 32 * 1024 * 1024
"""Bytes of one run that may be under way; what is more waits in the worker's own files."""


class Transfer:
    """One file on its way, from a place in it to its end.

    Args:
        run_id: Of the outermost run.
        path: Where it belongs, from the home directory on.
        start: From where; 0 with ``whole`` replaces what is at home.
        read: Called with each piece that was read, in order.
        arrived: Called when a transaction was kept, with how far it came.
    """

    def __init__(
        self,
        run_id: str,
        path: str,
        file: Path,
        *,
        start: int = 0,
        whole: bool = False,
        read: Callable[[bytes], object] = lambda _piece: None,
        arrived: Callable[[int], object],
    ) -> None:
        self._run_id = run_id
        self._path = path
        self._file = file
        self._offset = self._reached = start
        self._kind = WHOLE if whole else MORE
        self._read = read
        self._arrived = arrived
        self._first = True
        self._pieces: list[bytes] = []
        self.done = False

    def send(self, connection: Connection) -> None:
        """Send the next pieces, as a part of the connection's transaction; :meth:`sent` notes that it was kept.

        Raises:
            OSError: The file can't be read.
        """
        self._pieces = []
        self._reached = self._offset
        with self._file.open("rb") as opened:
            opened.seek(self._offset)
            for _ in range(_AT_ONCE):
                piece = opened.read(_PIECE)
                # An empty file is to be there, too.
                if not piece and (self._pieces or not self._first):
                    break
                self._pieces.append(piece)
        first = self._first
        for piece in self._pieces:
            kind = self._kind if first else MORE
            put(connection, self._run_id, self._path, kind=kind, offset=self._reached, data=piece)
            self._reached += len(piece)
            first = False

    def sent(self) -> None:
        """Note that what was sent last was kept."""
        for piece in self._pieces:
            self._read(piece)
        self.done = len(self._pieces) < _AT_ONCE
        self._first = False
        self._offset = self._reached
        self._arrived(self._offset)


def put(
    connection: Connection, run_id: str, path: str, *, kind: str, offset: int = 0, data: bytes = b""
) -> None:
    """Send one piece, as a part of the connection's transaction."""
    connection.execute(
        'INSERT INTO dagu_chunks (run_id, path, kind, "offset", size, data) VALUES (%s, %s, %s, %s, %s, %b)',
        (run_id, path, kind, offset, len(data), data),
    )


def under_way(connection: Connection, run_id: str) -> int:
    """Bytes of a run that are not at home yet."""
    row = connection.execute(
        "SELECT coalesce(sum(size), 0)::bigint AS size FROM dagu_chunks WHERE run_id = %s", (run_id,)
    ).fetchone()
    assert row is not None
    return int(row["size"])
