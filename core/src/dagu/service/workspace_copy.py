"""``workspace: copy`` of a workflow: its working directory goes along to the worker."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from dagu.errors import DaguError, UsageError

MOST = 256 * 1024 * 1024
"""Bytes of an archive."""

_INSTEAD = "leave out what is not needed, or have a first step check it out"


@contextmanager
def packed(directory: str) -> Iterator[BinaryIO]:
    """An archive of a directory. Sockets, pipes and devices are left out.

    Raises:
        UsageError: It is not known before the run, or too large.
        DaguError: It can't be read.
    """
    if "$" in directory:
        raise UsageError(
            f"working_dir {directory}: with `workspace: copy` it holds no references",
            hint="name the directory, or leave it out: then the folder of the workflow's file is sent",
        )
    with tempfile.TemporaryFile() as file:
        try:
            limited = cast(BinaryIO, _Limited(file))
            with (
                gzip.GzipFile(fileobj=limited, mode="wb", compresslevel=1) as squeezed,
                tarfile.open(fileobj=squeezed, mode="w|") as tar,
            ):
                tar.add(directory, arcname=".")
        except _TooLarge:
            raise UsageError(
                f"working_dir {directory}: its archive has more than {MOST >> 20} MiB", hint=_INSTEAD
            ) from None
        except (OSError, tarfile.TarError) as error:
            raise DaguError(f"working_dir {directory} can't be sent: {error}", hint=_INSTEAD) from error
        file.seek(0)
        yield cast(BinaryIO, file)


def unpack(archive: BinaryIO, directory: Path) -> None:
    """Make a directory from its archive: all of it, or nothing.

    Raises:
        DaguError: It can't be written.
    """
    beside = directory.with_name(f".{directory.name}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700, parents=True)
        with tarfile.open(fileobj=archive, mode="r|gz") as tar:
            tar.extractall(beside, filter=_ours)
        beside.rename(directory)
    except (OSError, tarfile.TarError) as error:
        raise DaguError(f"the workspace can't be unpacked into {directory}: {error}") from error


def _ours(member: tarfile.TarInfo, directory: str) -> tarfile.TarInfo:
    """Nothing outside of the directory, nothing that belongs to another user."""
    found = tarfile.tar_filter(member, directory)
    return found.replace(uid=None, gid=None, uname=None, gname=None, deep=False)  # type: ignore[arg-type]


class _TooLarge(Exception):
    pass


class _Limited:
    """A file that takes only so much."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = MOST

    def flush(self) -> None:
        """Do nothing: it is read by nobody before it is whole."""

    def write(self, block: bytes) -> int:
        """Write on."""
        self._left -= len(block)
        if self._left < 0:
            raise _TooLarge
        return int(self._file.write(block))
