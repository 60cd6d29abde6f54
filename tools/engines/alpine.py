"""The one image that examples and tests take for granted."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from engines import EngineError, images, packages

ALPINE = "alpine:3.20"


def ensure(endpoint: str) -> None:
    """See to it that the engine has ``alpine:3.20``: its own, a pulled one, or one made of a static busybox."""
    if images.has_image(endpoint, ALPINE):
        return
    try:
        images.pull(endpoint, ALPINE)
    except EngineError:
        packages.need(packages.BUSYBOX)
        with tempfile.TemporaryFile() as tarball:
            write(tarball, Path("/bin/busybox"))
            tarball.seek(0)
            images.import_rootfs(endpoint, tarball, ALPINE, ["/bin/sh"])


def write(target: IO[bytes], busybox: Path) -> None:
    """Write a tar that looks like Alpine as far as its shell and tools go.

    Args:
        busybox: A static one.
    """
    applets = subprocess.run(
        [busybox, "--list-full"], capture_output=True, text=True, check=True
    ).stdout.split()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for folder in _FOLDERS:
            _add(tar, folder, tarfile.DIRTYPE, 0o1777 if folder.endswith("tmp") else 0o755)
        _add(tar, "bin/busybox", tarfile.REGTYPE, 0o755, data=busybox.read_bytes())
        for applet in sorted({*applets, "bin/sh"} - {"bin/busybox"}):
            _add(tar, applet, tarfile.SYMTYPE, 0o777, link="/bin/busybox")
        for path, text in _FILES.items():
            _add(tar, path, tarfile.REGTYPE, 0o644, data=text.encode())


_FOLDERS = (
    *("bin", "dev", "etc", "home", "lib", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp"),
    *(
        "usr",
        "usr/bin",
        "usr/lib",
        "usr/local",
        "usr/local/bin",
        "usr/sbin",
        "var",
        "var/lib",
        "var/log",
        "var/tmp",
    ),
)
_FILES = {
    "etc/alpine-release": "3.20.0\n",
    "etc/os-release": 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.0\nPRETTY_NAME="Alpine Linux v3.20"\n',
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
    "daemon:x:2:2:daemon:/sbin:/sbin/nologin\n"
    "guest:x:405:100:guest:/dev/null:/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/:/sbin/nologin\n",
    "etc/group": "root:x:0:root\ndaemon:x:2:daemon\nusers:x:100:\nnogroup:x:65533:\nnobody:x:65534:\n",
    "etc/shells": "/bin/sh\n/bin/ash\n",
    "etc/profile": f"export PATH={images.PATH}\n",
}


def _add(
    tar: tarfile.TarFile, path: str, kind: bytes, mode: int, *, data: bytes = b"", link: str = ""
) -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), link
    tar.addfile(entry, io.BytesIO(data) if data else None)
