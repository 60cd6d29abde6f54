"""Files of a command on the host: in a directory of their own that only this user can read."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dagu.errors import RequestRefused


def put_files(files: Mapping[str, bytes], working_dir: str) -> dict[str, str]:
    """Write them, and return their paths by name.

    Raises:
        RequestRefused: There is no place for them.
    """
    if not files:
        return {}
    folder = _folder(working_dir)
    paths = {}
    for name, content in files.items():
        path = os.path.join(folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700), "wb") as file:
            file.write(content)
        paths[name] = path
    return paths


def drop_files(paths: Mapping[str, str]) -> None:
    """Remove them and their directory."""
    if not paths:
        return
    import shutil

    for folder in {os.path.dirname(path) for path in paths.values()}:
        shutil.rmtree(folder, ignore_errors=True)


def _folder(working_dir: str) -> str:
    """A new directory: where temporary files are, else where the command runs."""
    import tempfile

    try:
        return tempfile.mkdtemp(prefix="dagu-", dir=os.environ.get("TMPDIR") or "/tmp")
    except OSError:
        beside = os.path.join(working_dir, ".dagu", "tmp", "scripts")
        try:
            os.makedirs(beside, mode=0o700, exist_ok=True)
            return tempfile.mkdtemp(prefix="dagu-", dir=os.path.abspath(beside))
        except OSError as error:
            raise RequestRefused(f"no file can be made for the command: {error}") from error
