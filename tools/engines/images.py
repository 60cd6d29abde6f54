"""Local images: made from a root folder, for machines where no registry can be pulled from."""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from engines import EngineError
from engines.api import Api

MADE_LOCALLY = "dagu.engines.local"  # label of images made here
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
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
        reference: The image's name, such as ``alpine:3.20``; bare on Podman, it counts as Docker Hub's.
        cmd: The image's ``CMD``.
        changes: Further Dockerfile instructions: ``ENV``, ``LABEL``, ``USER``, ``WORKDIR``, ``ENTRYPOINT``.

    Raises:
        EngineError: The engine refuses.
    """
    api = Api(endpoint)
    hello = api.ping()
    if hello is None:
        raise EngineError(f"no engine answers at {endpoint}")
    instructions = [f"ENV PATH={PATH}", f"LABEL {MADE_LOCALLY}=true", *changes]
    if cmd := list(cmd):
        instructions.append(f"CMD {json.dumps(cmd)}")
    query: list[tuple[str, str]] = [("changes", line) for line in instructions]
    if version := hello.headers.get("libpod-api-version"):
        path = f"/v{version}/libpod/images/import"
        query += [("reference", ":".join(qualified(reference)))]
    else:
        path = "/images/create"
        name, tag = _split(reference)
        query += [("fromSrc", "-"), ("repo", name), ("tag", tag)]
    headers = {"Content-Type": "application/x-tar"}
    if isinstance(tarball, Path):
        with tarball.open("rb") as body:
            response = api.request("POST", path, query, body=body, headers=headers, timeout=600.0)
    else:
        response = api.request("POST", path, query, body=tarball, headers=headers, timeout=600.0)
    _check(response.status, response.data, f"importing {reference} at {endpoint}")


def import_folder(
    endpoint: str, folder: Path, reference: str, cmd: Iterable[str] = (), changes: Iterable[str] = ()
) -> None:
    """As ``import_rootfs``, from a folder; every file becomes root's."""
    with tempfile.TemporaryFile() as tarball:
        with tarfile.open(fileobj=tarball, mode="w") as tar:
            for entry in sorted(folder.iterdir()):
                tar.add(entry, entry.name, filter=_as_root)
        tarball.seek(0)
        import_rootfs(endpoint, tarball, reference, cmd, changes)


def pull(endpoint: str, reference: str, timeout: float = _PULL) -> None:
    """Pull an image.

    Args:
        timeout: Seconds of silence.

    Raises:
        EngineError: With the engine's reason.
    """
    name, tag = qualified(reference)
    query = [("fromImage", name), ("tag", tag)]
    try:
        response = Api(endpoint).request("POST", "/images/create", query, timeout=timeout)
    except TimeoutError:
        raise EngineError(f"pulling {reference} at {endpoint}: nothing came within {timeout:.0f} s") from None
    _check(response.status, response.data, f"pulling {reference} at {endpoint}")


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def qualified(reference: str) -> tuple[str, str]:
    """The full name and the tag of a reference, as the engines complete one."""
    name, tag = _split(reference)
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name, tag
    return (f"docker.io/{name}" if slash else f"docker.io/library/{name}"), tag


def _split(reference: str) -> tuple[str, str]:
    name, colon, tag = reference.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (reference, "latest")


def _check(status: int, data: bytes, what: str) -> None:
    # A pull's or import's failure may come as the last line of a stream that began with 200.
    lines = [json.loads(line) for line in data.splitlines() if line.strip().startswith(b"{")]
    failures = [str(line["error"]) for line in lines if line.get("error")]
    if status >= 400 or failures:
        raise EngineError(f"{what}: {'; '.join(failures) or data.decode(errors='replace').strip() or status}")
