"""Workflows with agents, run by the command line as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_server import ModelServer

ENDPOINTS = {"docker": "unix:///var/run/docker.sock", "podman": "unix:///run/podman/podman.sock"}
SECRET = "key-that-must-not-show-4711"


@dataclass(frozen=True)
class Result:
    """What became of a run."""

    code: int
    stdout: str
    stderr: str
    run: Mapping[str, Any]
    home: Path

    def step(self, name: str) -> Mapping[str, Any]:
        """A step as ``dagu status --json`` tells it."""
        return next(step for step in self.run["steps"] if step["name"] == name)

    def attempts(self, name: str) -> list[Mapping[str, Any]]:
        """A step's attempts."""
        return list(self.step(name)["attempts"])

    def output(self, name: str, attempt: int = 1) -> str:
        """A step's standard output."""
        (path,) = self.home.glob(f"dagu/logs/*/*/{name}.{attempt}.stdout")
        return path.read_text()

    def everything_written(self) -> str:
        """All that the run left in print and in its home."""
        files = [path for path in (self.home / "dagu").rglob("*") if path.is_file()]
        return self.stdout + self.stderr + "".join(path.read_text(errors="replace") for path in files)


class Runs:
    """Runs workflows in a folder of their own, with agents that talk to a scripted model.

    Args:
        folder: Empty. ``workspace`` in it is the steps' directory.
        programs: First on the PATH of steps on the host.
    """

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self._programs = programs
        (folder / "home").mkdir()

    def start(self, workflow: str, model: ModelServer, **env: str) -> Result:
        """Run a workflow; ``MODEL_URL`` and ``SECRET`` are there for its ``env``."""
        path = self.folder / "agents.yaml"
        path.write_text(textwrap.dedent(workflow))
        home = self.folder / "home"
        environment = {
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), str(self._programs), os.environ["PATH"]]
            ),
            "HOME": str(home),
            "DAGU_HOME": str(home / "dagu"),
            "MODEL_URL": model.url,
            "SECRET": SECRET,
            **env,
        }
        started = self._dagu(["start", str(path)], environment)
        status = self._dagu(["status", "--json", str(path)], environment)
        run = json.loads(status.stdout) if status.returncode == 0 else {"steps": []}
        return Result(started.returncode, started.stdout, started.stderr, run, home)

    def _dagu(self, words: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name("dagu")), *words],
            cwd=self.folder,
            env=dict(env),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
