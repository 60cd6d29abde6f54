"""What tells one home directory from all others."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagu.errors import DaguError, UsageError


def place_of(home: Path) -> str:
    """The id of a home directory, made when it is asked for first.

    Raises:
        DaguError: It can't be read or written.
    """
    file = home / "place"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = home / f".place.{uuid.uuid4().hex}"
        if not file.exists():
            beside.write_text(uuid.uuid4().hex)
            try:
                os.link(beside, file)  # the first one stays
            except FileExistsError:
                pass
            finally:
                beside.unlink()
        return file.read_text().strip()
    except OSError as error:
        raise DaguError(f"{file} can't be written: {error.strerror or error}") from error


@contextmanager
def locked(home: Path, name: str) -> Iterator[None]:
    """Keep a worker's home from another worker.

    Raises:
        UsageError: One works there already.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home / "worker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"worker {name!r} runs on this machine already", hint="choose another --name"
            ) from None
        yield
    finally:
        os.close(descriptor)
