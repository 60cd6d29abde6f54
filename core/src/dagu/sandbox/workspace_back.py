"""Taking a container's version of a directory back: only what differs from what was sent is touched here."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from dagu.sandbox.workspace_tree import Digesting, Entry, Manifest, stamp

_IN_MEMORY = 8 * 1024 * 1024
"""Bytes of a file that are held in memory until it is known whether the file changed."""
_MARK = 1024


class Receiver:
    """Applies one container's changes to one directory or file.

    Args:
        root: Where the copy was taken from.
        manifest: What was sent.

    Attributes:
        problems: What could not be done, one sentence each.
    """

    def __init__(self, root: Path, manifest: Manifest, *, notice: Callable[[str], None]) -> None:
        self._root = root
        self._sent = manifest.entries
        self._notice = notice
        self._seen: set[str] = set()
        self._top: PurePosixPath | None = None
        self._contents: dict[str, str] = {}
        self.problems: list[str] = []

    def take(self, archive: BinaryIO) -> None:
        """Read the archive, whose top entry is the copy itself."""
        counting = _Counting(archive)
        with tarfile.open(fileobj=cast(IO[bytes], counting), mode="r|") as tar:
            for member in tar:
                relative = self._relative(member.name)
                if relative is None:
                    self.problems.append(f"{member.name!r} would lie outside of {self._root}")
                    continue
                self._seen.add(relative)
                try:
                    self._member(tar, member, relative)
                except OSError as error:
                    self.problems.append(f"{self._path(relative)}: {error.strerror or error}")
            end = tar.offset
        if not counting.ended_after(end):
            # A stream that an engine lost ends like any other.
            self.problems.append(f"the container's copy of {self._root} came only in part")
        elif "" not in self._seen:
            self.problems.append(f"the container's copy of {self._root} came without its top entry")
        # What may just not have been read is not taken for deleted.
        if not self.problems:
            self._delete_the_missing()

    def _relative(self, name: str) -> str | None:
        """The path below an archive's top entry, empty for that itself; None if it would leave it."""
        path = PurePosixPath(name.lstrip("/"))
        if self._top is None:
            # Podman leaves the directory's name out where a volume of a stopped container is read.
            self._top = path
            return ""
        if ".." in path.parts or not path.is_relative_to(self._top):
            return None
        relative = str(path.relative_to(self._top))
        return "" if relative == "." else relative

    def _path(self, relative: str) -> Path:
        return self._root / relative if relative else self._root

    def _member(self, tar: tarfile.TarFile, member: tarfile.TarInfo, relative: str) -> None:
        if member.isdir():
            self._directory(member, relative)
        elif member.issym():
            if self._differs(relative, "link", member.linkname):
                path = self._cleared(relative)
                path.symlink_to(member.linkname)
        elif member.islnk():
            self._hard_link(member, relative)
        elif member.isfile():
            self._file(tar, member, relative)
        else:
            self._notice(f"{self._path(relative)} is no file in the container, and was not brought back")

    def _directory(self, member: tarfile.TarInfo, relative: str) -> None:
        mode = member.mode & 0o777
        sent = self._sent.get(relative)
        if self._differs(relative, "directory", ""):
            path = self._cleared(relative, directory=True)
            path.mkdir(exist_ok=True)
            path.chmod(mode)
        elif sent is not None and sent.mode != mode and relative:
            self._path(relative).chmod(mode)

    def _file(self, tar: tarfile.TarFile, member: tarfile.TarInfo, relative: str) -> None:
        content = tar.extractfile(member)
        assert content is not None
        reader = Digesting(content)
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            shutil.copyfileobj(reader, spool)
            digest = self._contents[relative] = reader.digest()
            if self._differs(relative, "file", digest):
                spool.seek(0)
                self._replace(relative, spool, member)  # type: ignore[arg-type]
                return
        mode = member.mode & 0o777
        if self._sent[relative].mode != mode:
            self._path(relative).chmod(mode)

    def _hard_link(self, member: tarfile.TarInfo, relative: str) -> None:
        other = self._relative(member.linkname)
        if other is None or other not in self._contents:
            raise OSError(f"is linked to {member.linkname!r}, which was not brought back")
        digest = self._contents[relative] = self._contents[other]
        if self._differs(relative, "file", digest):
            with self._path(other).open("rb") as content:
                self._replace(relative, content, member)

    def _differs(self, relative: str, kind: str, content: str) -> bool:
        sent = self._sent.get(relative)
        return sent is None or (sent.kind, sent.content) != (kind, content)

    def _replace(self, relative: str, content: BinaryIO, member: tarfile.TarInfo) -> None:
        path = self._cleared(relative, directory=False)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".dagu-", delete=False) as file:
            try:
                shutil.copyfileobj(content, file)
                os.fchmod(file.fileno(), member.mode & 0o777)
                file.flush()
                os.utime(file.fileno(), (member.mtime, member.mtime))
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise

    def _cleared(self, relative: str, *, directory: bool | None = None) -> Path:
        """The path, its parents being directories, with nothing of another kind in the way."""
        path = self._path(relative)
        parent = self._root
        for part in PurePosixPath(relative).parts[:-1]:
            parent = parent / part
            if parent.is_symlink() or not parent.is_dir():
                raise NotADirectoryError(20, f"{parent} is no directory here")
        if not path.is_symlink() and not path.exists():
            return path
        sent = self._sent.get(relative)
        if sent is None or not self._untouched(path, sent):
            self._notice(
                f"{path} was changed here while a container changed its copy; the container's version is kept"
            )
        real_directory = path.is_dir() and not path.is_symlink()
        if directory is True and real_directory:
            return path
        if real_directory:
            shutil.rmtree(path)
        elif directory is not False:
            path.unlink()
        return path

    def _delete_the_missing(self) -> None:
        # The deepest first, so that directories are empty when their turn comes.
        for relative in sorted(
            self._sent.keys() - self._seen, key=lambda path: path.count("/"), reverse=True
        ):
            if not relative:
                continue
            path, sent = self._path(relative), self._sent[relative]
            try:
                if sent.kind == "directory":
                    path.rmdir()
                elif self._untouched(path, sent):
                    path.unlink()
                else:
                    self._notice(f"{path} was deleted in the container, but changed here meanwhile; it stays")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                if sent.kind != "directory":  # one that holds something new stays
                    self.problems.append(f"{path} can't be deleted: {error.strerror or error}")

    @staticmethod
    def _untouched(path: Path, sent: Entry) -> bool:
        try:
            status = path.lstat()
        except FileNotFoundError:
            return True
        if sent.kind == "directory":  # what is in it changes its time
            return path.is_dir() and not path.is_symlink()
        return stamp(status) == sent.stamp


class _Counting:
    """A stream that remembers its length and its end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._length = 0
        self._end = b""

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        block = self._stream.read(size)
        self._length += len(block)
        self._end = (self._end + block)[-_MARK:]
        return block

    def ended_after(self, offset: int) -> bool:
        """Whether, after that many bytes, there is the mark that ends an archive: two empty blocks (tar(5))."""
        while self.read(_MARK * 64):
            pass
        return self._length >= offset + _MARK and not self._end.strip(b"\0")
