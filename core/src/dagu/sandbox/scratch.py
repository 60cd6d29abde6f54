"""A directory of ours in a container whose ``/tmp`` can't be written, or is lost or seen by others.

Commands leave their outputs in ``/tmp``, from where they are fetched after the command's end. On a read-only root
there is none to write; on a tmpfs it is gone with the process; on a bind mount it would stay on the host. Such a
container gets an anonymous volume, which goes with it.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import PurePosixPath

from dagu.contracts.container import Mount, MountType
from dagu.contracts.runtime import ContainerRuntime
from dagu.sandbox.files import unpack

USUAL = "/tmp"
_VOLUME = "/run/dagu"
OWN = f"{_VOLUME}/tmp"

MOUNT = Mount(type=MountType.VOLUME, target=_VOLUME)


def temporary(targets: Iterable[str], *, read_only: bool) -> str:
    """Where commands of a container put their temporary files.

    Args:
        targets: Of its mounts.
        read_only: Its root is.
    """
    covered = any(PurePosixPath(USUAL).is_relative_to(PurePosixPath(target)) for target in targets)
    return OWN if covered or read_only else USUAL


def make(runtime: ContainerRuntime, container: str) -> None:
    """Make the directory, for every user, in a container that was created with ``MOUNT``."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(PurePosixPath(OWN).name)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(entry)
    archive.seek(0)
    unpack(runtime, container, _VOLUME, archive)
