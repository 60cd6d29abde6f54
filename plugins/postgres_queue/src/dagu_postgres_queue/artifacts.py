"""A run's artifacts on their way home, while it lives: files that may grow, change in place and go."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagu_postgres_queue.outgoing import Transfer

_SMALL = 1024 * 1024
"""Bytes of a file that is sent again as a whole whenever it changed.

Of a larger one, what was added is sent while the run lives; whether that was all is found out at its end.
"""

_PAUSE = 1.0
"""Seconds between two transfers of the same changing file."""

_RECENT_NS = 50_000_000
"""So shortly after a change, another one may leave no sign: clocks of file systems tick."""

_log = logging.getLogger("dagu.worker")


@dataclass
class _Sent:
    """What is at home of a file: so many bytes with that digest, read when it had that time."""

    size: int = 0
    changed_ns: int = -1
    at: float = 0.0
    appended: bool = False
    digest: Any = field(default_factory=hashlib.sha256)


class Artifacts:
    """What is at home of a run's artifacts.

    Args:
        home: Of the worker; paths are told from there.
    """

    def __init__(self, home: Path, run_id: str) -> None:
        self._home = home
        self._run_id = run_id
        self._sent: dict[str, _Sent] = {}
        self._unreadable: set[str] = set()

    def changed(self, directory: Path, *, last: bool) -> Iterator[tuple[str, Transfer]]:
        """What is to be sent of the files in a directory, by path; with ``last``, all that differs at home."""
        for folder, _, names in os.walk(directory):
            for name in sorted(names):
                file = Path(folder, name)
                path = file.relative_to(self._home).as_posix()
                try:
                    now = file.lstat()
                    transfer = (
                        self._transfer(path, file, now, last=last) if stat.S_ISREG(now.st_mode) else None
                    )
                except OSError as error:
                    self.failed(path, error)
                    continue
                if transfer is not None:
                    yield path, transfer

    def gone(self, directory: Path) -> list[str]:
        """Files of a directory that were sent, and are there no more."""
        inside = directory.relative_to(self._home).as_posix() + "/"
        found = [path for path in self._sent if path.startswith(inside) and not (self._home / path).is_file()]
        return sorted(found)

    def removed(self, path: str) -> None:
        """Note that a file was removed at home."""
        self._sent.pop(path, None)

    def failed(self, path: str, error: OSError) -> None:
        """Note that a file could not be read. One that is gone is no mistake."""
        if not isinstance(error, FileNotFoundError) and path not in self._unreadable:
            self._unreadable.add(path)
            _log.warning("%s can't be read and does not come home: %s", path, error.strerror or error)

    def _transfer(self, path: str, file: Path, now: os.stat_result, *, last: bool) -> Transfer | None:
        known = self._sent.get(path)
        if known is None or not known.size:
            return self._whole(path, file, now)
        if (known.size, known.changed_ns) == (now.st_size, now.st_mtime_ns) and not (last and known.appended):
            return None
        if last:
            return (
                self._whole(path, file, now) if _differs(file, known) else self._added(path, file, now, known)
            )
        if time.monotonic() - known.at < _PAUSE:
            return None
        if now.st_size <= _SMALL:
            return self._whole(path, file, now)
        return self._added(path, file, now, known)

    def _whole(self, path: str, file: Path, now: os.stat_result) -> Transfer:
        sent = self._sent[path] = _Sent(at=time.monotonic())
        return self._following(path, file, now, sent, whole=True)

    def _added(self, path: str, file: Path, now: os.stat_result, known: _Sent) -> Transfer | None:
        if now.st_size <= known.size:
            return None
        known.appended = True
        return self._following(path, file, now, known, whole=False)

    def _following(self, path: str, file: Path, now: os.stat_result, sent: _Sent, *, whole: bool) -> Transfer:
        def arrived(offset: int) -> None:
            sent.size, sent.at = offset, time.monotonic()
            recent = time.time_ns() - now.st_mtime_ns < _RECENT_NS
            sent.changed_ns = -1 if recent else now.st_mtime_ns

        return Transfer(
            self._run_id,
            path,
            file,
            start=sent.size,
            whole=whole,
            read=sent.digest.update,
            arrived=arrived,
        )


def _differs(file: Path, known: _Sent) -> bool:
    """Whether the begin of a file is another one than what is at home."""
    digest = hashlib.sha256()
    left = known.size
    with file.open("rb") as opened:
        while left and (block := opened.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    return bool(left) or digest.digest() != known.digest.digest()
