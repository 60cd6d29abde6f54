"""Local images: made from a root folder, for machines where no registry can be pulled from."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from engines import EngineError, packages
from engines.api import Api

ALPINE = "alpine:3.20"
MADE_LOCALLY = "dagu.engines.local"  # label of images made here
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PULL = 20.0  # seconds of silence before a registry counts as unreachable


def has_image(endpoint: str, reference: str) -> bool:
    """Whether the engine has an image of that name."""
    response = Api(endpoint).request("GET", f"/images/{reference}/json")
    if response.status not in (200, 404):
        raise EngineError(f"asking {endpoint} for {reference}: {response.status} {response.data.decode()}")
    return response.status == 200


def import_rootfs(
    endpoint: str,
    tarball: Path | IO[bytes],
    reference: str,
    cmd: Iterable[str] = (),
    changes: Iterable[str] = (),
) -> None:
    """Make an image of one layer from a root file system, on Docker as on Podman.

    Args:
        endpoint: ``unix:///path`` of the engine.
        tarball: A tar of the root, plain or compressed.
        reference: The image's name, such as ``alpine:3.20``; on Podman a bare one counts as Docker Hub's, as when pulled.
        cmd: The image's ``CMD``.
        changes: Further Dockerfile instructions: ``ENV``, ``LABEL``, ``USER``, ``WORKDIR``, ``ENTRYPOINT``.

    Raises:
        EngineError: The engine refuses.
    """
    api = Api(endpoint)
    hello = api.ping()
    if hello is None:
        raise EngineError(f"no engine answers at {endpoint}")
    instructions = [f"ENV PATH={_PATH}", f"LABEL {MADE_LOCALLY}=true", *changes]
    if cmd := list(cmd):
        instructions.append(f"CMD {json.dumps(cmd)}")
    name, _, tag = _split(reference)
    query: list[tuple[str, str]] = [("changes", line) for line in instructions]
    if version := hello.headers.get("libpod-api-version"):
        path = f"/v{version}/libpod/images/import"
        query += [("reference", f"{_qualified(name)}:{tag}")]
    else:
        path = "/images/create"
        query += [("fromSrc", "-"), ("repo", name), ("tag", tag)]
    headers = {"Content-Type": "application/x-tar"}
    if isinstance(tarball, Path):
        with tarball.open("rb") as body:
            response = api.request("POST", path, query, body, headers, timeout=600.0)
    else:
        response = api.request("POST", path, query, tarball, headers, timeout=600.0)
    _check(response.status, response.data, f"importing {reference} at {endpoint}")


def pull(endpoint: str, reference: str, timeout: float = _PULL) -> None:
    """Pull an image.

    Args:
        timeout: Seconds of silence.

    Raises:
        EngineError: With the engine's reason.
    """
    name, _, tag = _split(reference)
    query = [("fromImage", _qualified(name)), ("tag", tag)]
    try:
        response = Api(endpoint).request("POST", "/images/create", query, timeout=timeout)
    except TimeoutError:
        raise EngineError(f"pulling {reference} at {endpoint}: nothing came within {timeout:.0f} s") from None
    _check(response.status, response.data, f"pulling {reference} at {endpoint}")


def ensure_alpine(endpoint: str) -> None:
    """See to it that the engine has ``alpine:3.20``: its own, a pulled one, or one made of a static busybox."""
    if has_image(endpoint, ALPINE):
        return
    try:
        pull(endpoint, ALPINE)
    except EngineError:
        packages.need(packages.BUSYBOX)
        with tempfile.TemporaryFile() as tarball:
            write_alpine(tarball, Path("/bin/busybox"))
            tarball.seek(0)
            import_rootfs(endpoint, tarball, ALPINE, ["/bin/sh"])


def write_alpine(target: IO[bytes], busybox: Path) -> None:
    """Write a tar that looks like Alpine as far as its shell and tools go.

    Args:
        busybox: A static one.
    """
    applets = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for folder in _FOLDERS:
            _add(tar, folder, tarfile.DIRTYPE, 0o1777 if folder.endswith("tmp") else 0o755)
        _add(tar, "bin/busybox", tarfile.REGTYPE, 0o755, busybox.read_bytes())
        for applet in sorted({*applets, "bin/sh"} - {"bin/busybox"}):
            _add(tar, applet, tarfile.SYMTYPE, 0o777, link="/bin/busybox")
        for path, text in _FILES.items():
            _add(tar, path, tarfile.REGTYPE, 0o644, text.encode())


_FOLDERS = (
    *("bin", "dev", "etc", "home", "lib", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp"),
    *("usr", "usr/bin", "usr/lib", "usr/local", "usr/local/bin", "usr/sbin", "var", "var/lib", "var/log", "var/tmp"),
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
    "etc/profile": f"export PATH={_PATH}\n",
}


def _add(tar: tarfile.TarFile, path: str, kind: bytes, mode: int, data: bytes = b"", link: str = "") -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), link
    tar.addfile(entry, io.BytesIO(data) if data else None)


def _split(reference: str) -> tuple[str, str, str]:
    name, colon, tag = reference.rpartition(":")
    return (name, colon, tag) if colon and "/" not in tag else (reference, ":", "latest")


def _qualified(name: str) -> str:
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def _check(status: int, data: bytes, what: str) -> None:
    # A pull's or import's failure may come as the last line of a stream that began with 200.
    lines = [json.loads(line) for line in data.splitlines() if line.strip().startswith(b"{")]
    failures = [str(line["error"]) for line in lines if line.get("error")]
    if status >= 400 or failures:
        raise EngineError(f"{what}: {'; '.join(failures) or data.decode(errors='replace').strip() or status}")
