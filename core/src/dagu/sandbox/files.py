"""Files of a command inside a container, brought in by the command's own shell, and files fetched back.

Writing them from inside gives them the right owner and works on a read-only root with a tmpfs, which an archive
put in by the engine does not.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO

from dagu.contracts.container import EMPTY
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import RequestRefused
from dagu.sandbox.command import Command, unique

# $1 directory, $2 "size name" of each file, a line each; standard input holds the files one after another, then
# the command's own input. Only a full-block dd takes an exact number of bytes and leaves the rest in the pipe.
_WRITE = r"""
d=$1 list=$2; shift 2
(umask 077 && mkdir -p "$d") || exit 1
exec 3<&0
printf '%s\n' "$list" | while read -r size name; do
  : >"$d/$name" && chmod 700 "$d/$name" || exit 1
  [ "$size" = 0 ] && continue
  dd bs="$size" count=1 iflag=fullblock of="$d/$name" conv=notrunc <&3 2>"$d/.err" || { cat "$d/.err" >&2; exit 1; }
done || exit 1
exec 0<&3 3<&-
"""
_CLEAN_UP = 'trap \'rm -rf "$d"\' EXIT\n"$@"\n'
_NO_CLEAN_UP = 'exec "$@"\n'


def with_files(command: Command, *, clean_up: bool) -> tuple[Command, Mapping[str, str]]:
    """The command that first writes its files, and the files' paths in the container.

    Args:
        clean_up: Remove the files afterwards; needless where the container goes too.

    Raises:
        RequestRefused: A file's name has a blank or a slash in it.
    """
    if not command.files:
        return command, EMPTY
    folder = unique("/tmp/.dagu-")
    paths = {name: f"{folder}/{name}" for name in command.files}
    for name in command.files:
        if "/" in name or len(name.split()) != 1:
            raise RequestRefused(f"file name {name!r} is not a plain name")
    sizes = "\n".join(f"{len(content)} {name}" for name, content in command.files.items())
    content = b"".join(command.files.values()) + (command.stdin or b"")
    script = _WRITE + (_CLEAN_UP if clean_up else _NO_CLEAN_UP)
    argv = ("/bin/sh", "-c", script, "sh", folder, sizes, *command.placed(paths))
    return replace(command, argv=argv, stdin=content, files=EMPTY, keep_entrypoint=False), paths


def fetch(runtime: ContainerRuntime, container: str, path: str) -> bytes | None:
    """Content of a regular file in a container, None if there is none."""
    archive = BytesIO()
    try:
        runtime.get_archive(container, path, archive.write)
    except FileNotFoundError:
        return None
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        member = tar.next()
        file = tar.extractfile(member) if member is not None and member.isfile() else None
        return None if file is None else file.read()
