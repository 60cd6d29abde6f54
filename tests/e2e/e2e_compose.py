"""What ``docker compose up`` makes of the files in ``deploy``, built here without a registry or an index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from e2e_engines import EngineUnderTest, clean_environment
from engines import packages

from dagu_web_server.credentials import hash_password

ROOT = Path(__file__).parents[2]
PARTS = ("./core[egress]", *(f"./{path.relative_to(ROOT)}" for path in ROOT.glob("plugins/*/")))
_FILES = ("core", "plugins", "requirements", "deploy")


def context(folder: Path) -> Path:
    """The project's files, with wheels of everything that it needs: no index is asked while the image is built."""
    options = ["-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(
        ["git", "ls-files", *options, *_FILES], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in (*listed.split("\0")[:-1], "LICENSE", ".dockerignore"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "-w", folder / "wheels"]
    constraints = ["-c", ROOT / "requirements" / "constraints.txt"]
    subprocess.run([*wheel, *constraints, "hatchling", *PARTS], cwd=ROOT, check=True, timeout=600)
    return folder


class Composed:
    """A project of docker compose.

    Args:
        file: One of ``deploy``, in a context.
        base: The image that Python comes from.
        environ: Variables of the file.
    """

    def __init__(self, file: Path, base: str, engine: EngineUnderTest, environ: Mapping[str, str]) -> None:
        packages.need(packages.COMPOSE)
        self._file = file
        self.name = f"dagu-e2e-{os.urandom(4).hex()}"
        self.image = f"dagu-e2e/{self.name}"
        self._environ = {
            **clean_environment(),
            "DOCKER_HOST": engine.endpoint,
            "DAGU_IMAGE": self.image,
            "DAGU_PUBLISH": "127.0.0.1:",  # a port that is free
            "DAGU_AUTH_PASSWORD_HASH": hash_password("open sesame"),
            "BASE": base,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "wheels",
            **environ,
        }

    def compose(self, *arguments: str, status: int = 0, **environ: str) -> str:
        """Run one command of it."""
        done = subprocess.run(
            ["docker-compose", "-p", self.name, "-f", self._file, *arguments],
            env={**self._environ, **environ},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def close(self) -> None:
        """Take everything down."""
        self.compose("down", "--volumes", "--timeout", "30")
