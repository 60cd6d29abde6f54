"""Where each daemon keeps its socket, its state and its log."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from engines import EngineError

DOCKER = "docker"
PODMAN = "podman"
ROOTLESS = "podman-rootless"
REGISTRY = "registry"  # no engine, and yet a daemon with a place
ENGINES = (DOCKER, PODMAN, ROOTLESS)
PRIVATE_ENGINES = (DOCKER, PODMAN)

# A socket's path has at most 107 characters, and dockerd puts some deep below its exec root.
RUN = Path("/run/dagu-engines")
STANDARD = "_standard"
# Podman's runroot, which lies below this or a place's run folder, may have 50 characters.
_ROOTLESS_RUN = RUN / "_rootless"
# Not below /var/lib: Podman covers that while it connects a rootless container, and then finds no network's file.
_ROOTLESS_STATE = Path("/srv/dagu-engines/podman-rootless")
_SOCKETS = {DOCKER: Path("/var/run/docker.sock"), PODMAN: Path("/run/podman/podman.sock")}


def state_root() -> Path:
    """The folder for everything that outlives a reboot."""
    return Path(os.environ.get("DAGU_ENGINES_STATE") or "/var/lib/dagu-engines").absolute()


def check_name(name: str) -> str:
    """Return a private name that is safe in paths and interface names.

    Raises:
        EngineError: For anything else than up to 20 of ``a-z 0-9 -``.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,19}", name):
        raise EngineError(f"{name!r} is no name for a private engine: use up to 20 of a-z, 0-9 and '-'")
    return name


@dataclass(frozen=True)
class Place:
    """One daemon's paths.

    Attributes:
        engine: One of ``ENGINES``, or ``REGISTRY``.
        private: The private name; None for the standard endpoint.
    """

    engine: str
    private: str | None = None

    @property
    def state(self) -> Path:
        if self.engine == ROOTLESS and not os.environ.get("DAGU_ENGINES_STATE"):
            return _ROOTLESS_STATE
        base = state_root() / "private" / self.private if self.private else state_root()
        return base / self.engine

    @property
    def run(self) -> Path:
        if self.engine == ROOTLESS:
            return _ROOTLESS_RUN
        return RUN / (self.private or STANDARD) / self.engine

    @property
    def record(self) -> Path:
        return self.run.with_suffix(".json")

    @property
    def log(self) -> Path:
        return self.state / "daemon.log"

    @property
    def socket(self) -> Path:
        if self.private:
            return RUN / self.private / f"{self.engine}.sock"
        return _SOCKETS.get(self.engine, self.run / "podman" / "podman.sock")

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"


def private_names() -> list[str]:
    """Names under which something private was started, also before the last boot."""
    found = [*RUN.glob("[!_.]*/"), *state_root().glob("private/*/")]
    return sorted({path.name for path in found if path.is_dir()})
