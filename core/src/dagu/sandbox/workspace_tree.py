"""Writing a directory as a tar stream, remembering what went."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from dataclasses import field
from pathlib import Path
from typing import IO, BinaryIO

from dagu.errors import RequestRefused
from dagu.frozen import dataclass


@dataclass(frozen=True)
class Entry:
    """What was sent of one path.

    Attributes:
        kind: ``file``, ``directory`` or ``link``.
        content: Digest of a file, target of a link, empty for a directory.
        mode: Permission bits.
        stamp: Size, time and inode here, which tell whether it was changed here since.
    """

    kind: str
    content: str
    mode: int
    stamp: tuple[int, int, int]


@dataclass
class Manifest:
    """Everything that was sent, by path below the source; the source itself is the empty path."""

    entries: dict[str, Entry] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def stamp(status: os.stat_result) -> tuple[int, int, int]:
    """What changes when a path is changed."""
    return status.st_size, status.st_mtime_ns, status.st_ino


def write_tree(tar: tarfile.TarFile, source: Path, top: str, manifest: Manifest, *, read_only: bool) -> None:
    """Write a directory's content, or one file as ``top``.

    Raises:
        RequestRefused: Something can't be read, or changed while it was.
    """
    try:
        if top:
            _write(tar, source, "", top, manifest, read_only=read_only)
            return
        _write(tar, source, "", ".", manifest)
        for folder, names, files in os.walk(source):
            base = os.path.relpath(folder, source)
            for name in sorted([*names, *files]):
                path = name if base == "." else f"{base}/{name}"
                _write(tar, Path(folder, name), path, path, manifest)
    except OSError as error:
        raise RequestRefused(
            f"{error.filename or source} can't be copied into the container: {error.strerror or error}"
        ) from error


def write_top(sink: BinaryIO, source: Path, name: str) -> None:
    """Write an archive of the directory alone, without what is in it.

    Raises:
        RequestRefused: It can't be read.
    """
    with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        try:
            _write(tar, source, "", name, Manifest())
        except OSError as error:
            raise RequestRefused(f"{source} can't be copied into the container: {error.strerror}") from error


def _write(
    tar: tarfile.TarFile, path: Path, relative: str, name: str, manifest: Manifest, *, read_only: bool = False
) -> None:
    status = path.lstat()
    entry = tarfile.TarInfo(name)
    entry.mode = stat.S_IMODE(status.st_mode) & (~0o222 if read_only else ~0)
    entry.uid, entry.gid, entry.mtime = status.st_uid, status.st_gid, status.st_mtime_ns / 1e9
    if stat.S_ISDIR(status.st_mode):
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
        _remember(manifest, relative, status)
    elif stat.S_ISLNK(status.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(path)
        tar.addfile(entry)
        _remember(manifest, relative, status, entry.linkname)
    elif stat.S_ISREG(status.st_mode):
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            entry.size = status.st_size
            reader = Digesting(file)
            tar.addfile(entry, reader)
        _remember(manifest, relative, status, reader.digest())
    else:
        manifest.skipped.append(str(path))


def _remember(manifest: Manifest, relative: str, status: os.stat_result, content: str = "") -> None:
    kind = "link" if stat.S_ISLNK(status.st_mode) else "directory" if stat.S_ISDIR(status.st_mode) else "file"
    manifest.entries[relative] = Entry(kind, content, stat.S_IMODE(status.st_mode) & 0o777, stamp(status))


class Digesting:
    """A file that keeps a digest of what was read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        block = self._file.read(size)
        self._hash.update(block)
        return block

    def digest(self) -> str:
        """Of everything read so far."""
        return self._hash.hexdigest()
