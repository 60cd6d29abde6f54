"""Files of a command inside a container, brought in by the command's own shell, and files fetched back.

Writing them from inside gives them the right owner and works on a tmpfs, which an archive put in by the engine does
not. Their content comes by standard input, so it stands in no argument and no label.
"""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import field, replace
from io import BytesIO
from typing import BinaryIO

from dagu.contracts.container import EMPTY
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import RequestRefused
from dagu.frozen import dataclass
from dagu.sandbox.command import Command, unique
from dagu.sandbox.programs import SHELL

# $1 a directory to make, or nothing; $2 "size mode path" of each file, a line each; standard input holds the files
# one after another, then the command's own input. Only a full-block dd takes an exact number of bytes and leaves
# the rest in the pipe.
_WRITE = r"""
d=$1 list=$2; shift 2
[ -z "$d" ] || (umask 077 && mkdir -p "$d") || exit 1
exec 3<&0
printf '%s\n' "$list" | while read -r size mode path; do
  (umask 077; rm -f "$path"; : >"$path") || exit 1
  [ "$size" = 0 ] || dd bs="$size" count=1 iflag=fullblock of="$path" conv=notrunc <&3 2>/dev/null ||
    { echo "dagu: $path can't be written" >&2; exit 1; }
  chmod "$mode" "$path" || exit 1
done || exit 1
exec 0<&3 3<&-
command -v "$1" >/dev/null 2>&1 || { echo "dagu: $1: not found" >&2; exit 127; }
"""
_CLEAN_UP = r"""
trap 'rm -rf "$d"' EXIT
trap 'exit 143' TERM; trap 'exit 130' INT; trap 'exit 129' HUP
"$@"
"""
_NO_CLEAN_UP = 'exec "$@"\n'
_LARGEST = 64 * 1024 * 1024
"""Bytes of the largest file that is fetched into memory."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file to write in a container: its absolute path without blanks, and its permission bits."""

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o700


def with_files(
    command: Command,
    *,
    clean_up: bool,
    temporary: str = "/tmp",
    more: Sequence[File] = (),
) -> tuple[Command, str]:
    """The command that first writes its files, and the directory that it makes for them; empty without one.

    Args:
        clean_up: Remove the command's own files afterwards; needless where the container goes too.
        temporary: A directory that the command may write.
        more: Files beside the command's own; they stay.

    Raises:
        RequestRefused: A file's name has a blank or a slash in it.
    """
    if not command.files and not more:
        return command, ""
    folder = unique(f"{temporary}/.dagu-") if command.files else ""
    for name in command.files:
        if "/" in name or len(name.split()) != 1:
            raise RequestRefused(f"file name {name!r} is not a plain name")
    own = [File(path=f"{folder}/{name}", content=content) for name, content in command.files.items()]
    argv = command.placed({name: f"{folder}/{name}" for name in command.files})
    files = [*more, *own]
    script = _WRITE + (_CLEAN_UP if clean_up and folder else _NO_CLEAN_UP)
    ready = replace(
        command,
        argv=(SHELL, "-c", script, SHELL, folder, _listing(files), *argv),
        stdin=b"".join(file.content for file in files) + (command.stdin or b""),
        files=EMPTY,
        keep_entrypoint=False,
    )
    return ready, folder


def _listing(files: Sequence[File]) -> str:
    return "\n".join(f"{len(file.content)} {file.mode:o} {file.path}" for file in files)


def unpack(runtime: ContainerRuntime, container: str, path: str, archive: BinaryIO) -> None:
    """Unpack a tar stream below a directory of a container.

    Raises:
        RequestRefused: The directory is not there, or the engine can't write it.
    """
    try:
        runtime.put_archive(container, path, archive)
    except FileNotFoundError as error:
        raise RequestRefused(f"files can't be brought into the container: {error}") from error


def fetch(runtime: ContainerRuntime, container: str, path: str) -> bytes | None:
    """Content of a regular file in a container, None if there is none.

    Raises:
        RequestRefused: The engine can't look there (a tmpfs).
    """
    archive = BytesIO()

    def take(block: bytes) -> None:
        if archive.tell() + len(block) > _LARGEST:
            raise RequestRefused(f"{path} in the container is larger than {_LARGEST >> 20} MiB")
        archive.write(block)

    try:
        runtime.get_archive(container, path, take)
    except FileNotFoundError:
        return None
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        member = tar.next()
        file = tar.extractfile(member) if member is not None and member.isfile() else None
        return None if file is None else file.read()
