"""The workflows that are stored below one directory, by name: a file's path there, without its ending."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from contextlib import suppress
from datetime import UTC, tzinfo
from pathlib import Path

from dagu.errors import DaguError, Problem, UsageError, WorkflowInvalid
from dagu.history.home import make_directory
from dagu.history.logs import file_name
from dagu.service.schedule import read_schedule
from dagu.service.stored import Stored, read_stored
from dagu.workflow.graph import order
from dagu.workflow.load import MAX_BYTES, load_text, read_text

ENDINGS = (".yaml", ".yml")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,199}")
_DEEPEST = 8

_Stamp = tuple[int, ...]


class Workflows:
    """The stored workflows. Any thread may ask; a file is read again only when it changed.

    Args:
        directory: Where the files are; it need not exist.
        flags: Where it is kept that a workflow is suspended.
        base: The base config.
        zone: Of schedules that name none.
    """

    def __init__(self, directory: Path, *, flags: Path, base: Path | None = None, zone: tzinfo = UTC) -> None:
        self.directory = directory
        self.flags = flags
        self._base = base
        self._zone = zone
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[_Stamp, Stored]] = {}

    def names(self) -> list[str]:
        """The names of all workflows, in order."""
        return sorted(self._files())

    def all(self) -> list[Stored]:
        """All workflows, by name; those with mistakes too."""
        found = [self._read(name, path) for name, path in sorted(self._files().items())]
        with self._lock:
            for name in self._cache.keys() - {stored.name for stored in found}:
                del self._cache[name]
        return found

    def get(self, name: str) -> Stored:
        """One workflow.

        Raises:
            UsageError: There is none of that name.
        """
        path = self._path(name)
        if path is None:
            raise _unknown(name)
        return self._read(name, path)

    def source(self, name: str) -> str:
        """The text of a workflow's file.

        Raises:
            UsageError: There is none of that name.
            WorkflowInvalid: It can't be read as text.
        """
        path = self._path(name)
        if path is None:
            raise _unknown(name)
        return read_text(path)

    def problems(self, text: str, name: str = "") -> list[Problem]:
        """Every mistake of a workflow's text."""
        shown = f"{name or 'workflow'}.yaml"
        file = self.directory / shown if name and _is_name(name) else None
        try:
            workflow = load_text(text, name=shown, file=file, base=self._base, entry_name_allowed=False)
            order(workflow)
        except WorkflowInvalid as error:
            return list(error.problems)
        except DaguError as error:
            return [Problem(shown, 1, 1, error.message)]
        return list(read_schedule(workflow, self._zone).problems)

    def save(self, name: str, text: str) -> list[Problem]:
        """Write a workflow's file, whole or not at all, if it has no mistakes.

        Returns:
            The mistakes; nothing was written then.

        Raises:
            UsageError: That is no name for a workflow, or the text is too long.
            DaguError: It can't be written.
        """
        path = self._path(name) or self.directory / f"{_checked(name)}{ENDINGS[0]}"
        if len(data := text.encode()) > MAX_BYTES:
            raise UsageError(
                f"a workflow has at most {MAX_BYTES // 2**20} MiB; this one has {len(data):,} bytes"
            )
        problems = self.problems(text, name)
        if not problems:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._inside(path)
                _replace(path, data)
            except OSError as error:
                raise DaguError(f"{path} can't be written: {error.strerror or error}") from error
        return problems

    def delete(self, name: str) -> None:
        """Remove a workflow's file.

        Raises:
            UsageError: There is none of that name.
            DaguError: It can't be removed.
        """
        path = self._path(name)
        if path is None:
            raise _unknown(name)
        try:
            path.unlink()
        except OSError as error:
            raise DaguError(f"{path} can't be removed: {error.strerror or error}") from error
        self._flag(name).unlink(missing_ok=True)

    def suspend(self, name: str, suspended: bool) -> None:
        """Have the scheduler leave a workflow alone, or no longer.

        Raises:
            UsageError: There is none of that name.
        """
        if self._path(name) is None:
            raise _unknown(name)
        if suspended:
            make_directory(self.flags)
            self._flag(name).touch(mode=0o600)
        else:
            self._flag(name).unlink(missing_ok=True)

    def is_suspended(self, name: str) -> bool:
        """Whether the scheduler leaves it alone."""
        return self._flag(name).exists()

    def _flag(self, name: str) -> Path:
        return self.flags / file_name(name)

    def _read(self, name: str, path: Path) -> Stored:
        stamp = (*_stamp(path), *(_stamp(self._base) if self._base else ()))
        with self._lock:
            known = self._cache.get(name)
        if known is None or known[0] != stamp:
            known = (stamp, read_stored(name, path, self._base, self._zone))
            with self._lock:
                self._cache[name] = known
        return known[1]

    def _path(self, name: str) -> Path | None:
        """The file of that name, None if there is none."""
        for ending in ENDINGS if _is_name(name) else ():
            path = self.directory / f"{name}{ending}"
            if path.is_file() and self._is_inside(path) and not self._is_base(path):
                return path
        return None

    def _files(self) -> dict[str, Path]:
        """The file of every workflow, by name."""
        found: dict[str, Path] = {}
        for folder, folders, files in os.walk(self.directory):
            folders[:] = [each for each in folders if _PART.fullmatch(each)]
            below = Path(folder).relative_to(self.directory)
            if len(below.parts) >= _DEEPEST - 1:
                folders.clear()
            for file in files:
                stem, ending = os.path.splitext(file)
                name = (below / stem).as_posix()
                if ending in ENDINGS and name not in found and (path := self._path(name)) is not None:
                    found[name] = path
        return found

    def _is_base(self, path: Path) -> bool:
        return self._base is not None and os.path.realpath(path) == os.path.realpath(self._base)

    def _is_inside(self, path: Path) -> bool:
        # A link may lead elsewhere, and the name of a folder may be one.
        return os.path.realpath(path).startswith(os.path.realpath(self.directory) + os.sep)

    def _inside(self, path: Path) -> None:
        if not self._is_inside(path):
            raise UsageError(f"{path} is a link that leads out of {self.directory}")


def _is_name(name: str) -> bool:
    parts = name.split("/")
    return len(parts) <= _DEEPEST and all(_PART.fullmatch(part) for part in parts)


def _checked(name: str) -> str:
    if not _is_name(name):
        raise UsageError(
            f"{name!r} is no name for a workflow",
            hint="use letters, digits, dashes, underscores and dots; / between folders",
        )
    return name


def _unknown(name: str) -> UsageError:
    return UsageError(f"there is no workflow {name!r}", hint="list them with `dagu workflows list`")


def _stamp(path: Path) -> _Stamp:
    with suppress(OSError):  # it is told when it is read
        found = path.stat()
        return (found.st_mtime_ns, found.st_size, found.st_ino)
    return (0, 0, 0)


def _replace(path: Path, data: bytes) -> None:
    """Write a file at one moment: who reads meanwhile sees the old one or the new one, whole."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".saving")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
