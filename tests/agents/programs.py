"""The real agent programs, installed once by npm below ``.state`` and put into images of their own."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engines import alpine, images, packages

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).with_name("package.json")
VERSIONS: dict[str, str] = json.loads(PACKAGE.read_text())["dependencies"]
NAMES = {"claude": "@anthropic-ai/claude-code", "codex": "@openai/codex", "opencode": "opencode-ai"}


def install() -> Path:
    """Install what ``package.json`` names, once for each of its states.

    Returns:
        The folder of the programs, for a ``PATH``.
    """
    name = hashlib.sha256(PACKAGE.read_bytes()).hexdigest()[:12]
    folder = ROOT / ".state" / "agents" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            shutil.copy(PACKAGE, folder)
            packages.need(packages.NPM)
            options = ["--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(["npm", "install", *options], cwd=folder, check=True, timeout=600)
            (folder / "installed").touch()
    return folder / "node_modules" / ".bin"


def image(agent: str, endpoint: str, programs: Path) -> str:
    """An image with one agent and BusyBox on the engine at ``endpoint``; its reference."""
    reference = f"dagu-tests/{agent}:{VERSIONS[NAMES[agent]]}"
    if not images.has_image(endpoint, reference):
        packages.need(packages.BUSYBOX)
        with tempfile.TemporaryFile() as tarball:
            alpine.write(tarball, Path("/bin/busybox"))
            tarball.seek(0)
            with tarfile.open(fileobj=tarball, mode="a") as tar:
                for source, target in _files(agent, programs):
                    tar.add(source, target, filter=_as_root)
                if agent == "codex":
                    _link(tar, "usr/local/bin/codex", "/opt/codex/bin/codex")
            tarball.seek(0)
            images.import_rootfs(endpoint, tarball, reference, ["/bin/sh"], ["WORKDIR /root"])
    return reference


def _files(agent: str, programs: Path) -> Iterator[tuple[Path, str]]:
    if agent == "codex":
        # Statically linked, with helpers that it looks for beside itself.
        (vendor,) = programs.parent.glob("@openai/codex-linux-*/vendor/*-linux-musl")
        for part in ("bin", "codex-path"):
            yield vendor / part, f"opt/codex/{part}"
        return
    program = (programs / agent).resolve()
    yield program, f"usr/local/bin/{agent}"
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+) \(0x", listed):
        yield Path(library).resolve(), library.lstrip("/")


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


def _link(tar: tarfile.TarFile, path: str, target: str) -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
    tar.addfile(entry, io.BytesIO())
