"""A run's output on its way home: what was added to its files, in pieces that know their places."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dagu_postgres_queue.database import Connection

_PIECE = 256 * 1024
AT_ONCE = 4
"""Pieces in one transaction: a short one, since the lease of the run waits for its end."""

MOST = 32 * 1024 * 1024
"""Bytes of one run that may be under way; what is more waits in the worker's own files."""

RUN_LOG = "run.log"
_STREAMS = (".stdout", ".stderr")


class Files:
    """How much of each file of a run was sent.

    Args:
        home: Of the worker; paths are told from there.
    """

    def __init__(self, home: Path, run_id: str) -> None:
        self._home = home
        self._run_id = run_id
        self._sent: dict[str, int] = {}

    def load(self, connection: Connection) -> None:
        """Learn what was sent before, by whichever worker."""
        rows = connection.execute("SELECT path, size FROM dagu_files WHERE run_id = %s", (self._run_id,))
        # Artifacts may be other ones each time.
        self._sent = {row["path"]: row["size"] for row in rows if row["path"].startswith("logs/")}

    def continue_logs(self) -> None:
        """Have the log of a run that was elsewhere before go on where that one ended; what is there is at home."""
        for path, size in self._sent.items():
            file = self._home / path
            if file.name == RUN_LOG and size and not file.exists():
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                file.touch(mode=0o600)
                os.truncate(file, size)

    def added(self, directories: Mapping[str, Path]) -> Iterator[tuple[str, int, Path]]:
        """Files with something to send: path, from where, file."""
        for kind, directory in directories.items():
            for folder, _, names in os.walk(directory):
                for name in sorted(names):
                    file = Path(folder, name)
                    if kind == "logs" and not (name == RUN_LOG or file.suffix in _STREAMS):
                        continue  # a worker's own, which may be gone at any moment
                    path = file.relative_to(self._home).as_posix()
                    sent = self._sent.get(path, -1)  # an empty file is to be there, too
                    if not file.is_symlink() and file.is_file() and file.stat().st_size > sent:
                        yield path, max(0, sent), file

    def send(self, connection: Connection, path: str, offset: int, file: Path) -> int:
        """Send the next pieces of a file, as a part of the connection's transaction; how far that comes."""
        with file.open("rb") as opened:
            opened.seek(offset)
            for number in range(AT_ONCE):
                piece = opened.read(_PIECE)
                if not piece and (number or offset):
                    break
                connection.execute(
                    'INSERT INTO dagu_chunks (run_id, path, "offset", size, data) VALUES (%s, %s, %s, %s, %b)',
                    (self._run_id, path, offset, len(piece), piece),
                )
                offset += len(piece)
        connection.execute(
            "INSERT INTO dagu_files (run_id, path, size) VALUES (%s, %s, %s)"
            " ON CONFLICT (run_id, path) DO UPDATE SET size = excluded.size",
            (self._run_id, path, offset),
        )
        return offset

    def sent(self, path: str, offset: int) -> None:
        """Note that what was sent arrived."""
        self._sent[path] = offset

    def under_way(self, connection: Connection) -> int:
        """Bytes that are not at home yet."""
        row = connection.execute(
            "SELECT coalesce(sum(size), 0)::bigint AS size FROM dagu_chunks WHERE run_id = %s",
            (self._run_id,),
        ).fetchone()
        assert row is not None
        return int(row["size"])
