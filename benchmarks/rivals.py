"""Each engine's own program, as the rival, and the variables that lead the runner to the same engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / "tools"


@dataclass(frozen=True)
class Rival:
    """An engine.

    Attributes:
        name: What ``DAGU_CONTAINER_RUNTIME`` selects.
        argv: Its program, with the options that lead to the engine.
        environ: What its program and the runner get.
    """

    name: str
    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)

    def version(self) -> str:
        """Versions of the engine and of its program, in a few words."""
        form = "{{.Client.Version}} {{if .Server}}{{.Server.Version}}{{end}}"
        words = self._ask("version", "--format", form).split()
        return f"{self.name} {words[-1]}" + (f" (program {words[0]})" if words[0] != words[-1] else "")

    def _ask(self, *words: str) -> str:
        done = subprocess.run([*self.argv, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(self.argv)} {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout


def docker() -> Rival:
    """Docker, where its program finds it."""
    chosen = {name: os.environ[name] for name in ("DOCKER_HOST", "DOCKER_CONTEXT") if name in os.environ}
    return Rival("docker", (_program("docker"),), {**chosen, "DAGU_CONTAINER_RUNTIME": "docker"})


def podman() -> Rival:
    """Podman: the runner speaks with its service, the program works on the same storage without one.

    That is the faster way for the program: with ``--remote`` it would wait for the service, too.
    """
    sys.path.insert(0, str(TOOLS))
    from engines import podman as service  # type: ignore[import-not-found, unused-ignore]
    from engines.layout import PODMAN, Place  # type: ignore[import-not-found, unused-ignore]

    place = Place(PODMAN, None)
    environ = {"DAGU_CONTAINER_RUNTIME": "podman", "DAGU_PODMAN_HOST": place.endpoint}
    if not place.record.exists():  # a service of the machine's own, with the program's usual storage
        return Rival("podman", (_program("podman"),), environ)
    return Rival("podman", tuple(service.command(place)), {**service.environment(place), **environ})


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"there is no {name}; `tools/engines up {name}` brings it")
    return found
