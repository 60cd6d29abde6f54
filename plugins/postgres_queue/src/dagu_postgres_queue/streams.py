"""What a run's steps print, on its way home: files that only grow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dagu_postgres_queue.database import Connection
from dagu_postgres_queue.outgoing import Transfer

RUN_LOG = "run.log"
_SUFFIXES = (".stdout", ".stderr")


class Streams:
    """How much of each log of a run was sent.

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
        self._sent = {row["path"]: row["size"] for row in rows if row["path"].startswith("logs/")}

    def continue_logs(self) -> None:
        """Have the log of a run that was elsewhere before go on where that one ended; what is there is at home."""
        for path, size in self._sent.items():
            file = self._home / path
            if file.name == RUN_LOG and size and not file.exists():
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                file.touch(mode=0o600)
                os.truncate(file, size)

    def added(self, directory: Path) -> Iterator[Transfer]:
        """What is to be sent of the logs in a directory."""
        for folder, _, names in os.walk(directory):
            for name in sorted(names):
                file = Path(folder, name)
                if not (name == RUN_LOG or file.suffix in _SUFFIXES):
                    continue  # a worker's own, which may be gone at any moment
                path = file.relative_to(self._home).as_posix()
                sent = self._sent.get(path, -1)  # an empty file is to be there, too
                if not file.is_symlink() and file.is_file() and file.stat().st_size > sent:
                    yield _Grown(self._run_id, path, file, max(0, sent), self._sent)


class _Grown(Transfer):
    """A log that has grown; the database keeps how far it came, for the next worker."""

    def __init__(self, run_id: str, path: str, file: Path, start: int, sent: dict[str, int]) -> None:
        def arrived(offset: int) -> None:
            sent[path] = offset

        super().__init__(run_id, path, file, start=start, arrived=arrived)

    def send(self, connection: Connection) -> None:
        super().send(connection)
        connection.execute(
            "INSERT INTO dagu_files (run_id, path, size) VALUES (%s, %s, %s)"
            " ON CONFLICT (run_id, path) DO UPDATE SET size = excluded.size",
            (self._run_id, self._path, self._reached),
        )
