"""The engines that end-to-end tests run on, brought up by ``tools/engines``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "engines"
NAMES = ("docker", "podman", "podman-rootless")
_SELECTING = ("DAGU_", "DOCKER_", "CONTAINER_HOST", "XDG_RUNTIME_DIR")


@dataclass(frozen=True)
class EngineUnderTest:
    """One engine.

    Attributes:
        runtime: What ``DAGU_CONTAINER_RUNTIME`` selects.
        environ: The variables that lead there, this process' own choices taken out.
    """

    name: str
    runtime: str
    environ: Mapping[str, str]

    @property
    def docker(self) -> bool:
        return self.runtime == "docker"

    @property
    def endpoint(self) -> str:
        """``unix:///path``."""
        return self.environ["DOCKER_HOST" if self.docker else "DAGU_PODMAN_HOST"]

    @property
    def rootless(self) -> bool:
        return self.name.endswith("rootless")


def tool(*arguments: str) -> str:
    """What the tool prints.

    Raises:
        AssertionError: It fails; an engine that can't be had is a failed test, never a skipped one.
    """
    done = subprocess.run(
        [sys.executable, str(TOOL), *arguments], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"tools/engines {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@cache
def engine(name: str) -> EngineUnderTest:
    """An engine that answers."""
    tool("up", name)
    endpoint = next(
        each["endpoint"] for each in json.loads(tool("status", "--json")) if each["engine"] == name
    )
    return at(name, endpoint)


def at(name: str, endpoint: str) -> EngineUnderTest:
    """An engine at an endpoint."""
    runtime = name.removesuffix("-rootless")
    variable = "DOCKER_HOST" if runtime == "docker" else "DAGU_PODMAN_HOST"
    environ = {"DAGU_CONTAINER_RUNTIME": runtime, variable: endpoint}
    return EngineUnderTest(name=name, runtime=runtime, environ=clean_environment() | environ)


def clean_environment() -> dict[str, str]:
    """This process' environment without what chooses an engine."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SELECTING)}
