"""Where dagu keeps its state."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dagu.errors import DaguError


def dagu_home(environ: Mapping[str, str]) -> Path:
    """The directory of history, logs and locks, absolute; it need not exist yet.

    ``DAGU_HOME``, else ``dagu`` in ``XDG_DATA_HOME``, else ``~/.local/share/dagu``.

    Raises:
        DaguError: Neither those variables nor a home directory tell where it is.
    """
    chosen = environ.get("DAGU_HOME", "").strip()
    if chosen:
        return _expand(chosen, environ).absolute()
    data = environ.get("XDG_DATA_HOME", "")
    # The XDG specification says to ignore relative paths.
    return Path(data) / "dagu" if data.startswith("/") else _expand("~/.local/share/dagu", environ)


def _expand(path: str, environ: Mapping[str, str]) -> Path:
    if not path.startswith("~"):
        return Path(path)
    home = environ.get("HOME", "")
    if home and (path == "~" or path.startswith("~/")):
        return Path(home, path[2:])
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DaguError(f"no home directory for {path!r}", hint="set DAGU_HOME to a directory") from error


def make_directory(path: Path) -> Path:
    """Make a directory that only this user can read, with its parents.

    Raises:
        DaguError: It can't be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DaguError(
            f"the directory {path} can't be made: {error.strerror or error}",
            hint="set DAGU_HOME to a directory that you can write",
        ) from error
    return path


def replace_file(path: Path, text: str) -> None:
    """Write a file all at one moment, so that it survives a power cut as it was or as it is to be.

    Raises:
        DaguError: It can't be written.
    """
    beside = path.with_suffix(".new")
    try:
        make_directory(path.parent)
        with beside.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise DaguError(f"{path} can't be written: {error.strerror or error}") from error
