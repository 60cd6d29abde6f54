"""On what a figure was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from benchmarks.rivals import Rival


def describe(engines: Iterable[Rival]) -> dict[str, str]:
    """The machine and the versions, as a reader needs them to compare."""
    return {
        "processors": str(os.cpu_count()),
        "system": _system(),
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "typer": version("typer"),
        "engines": ", ".join(engine.version() for engine in engines) or "none",
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
    }


def _system() -> str:
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return platform.system()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return found.get("PRETTY_NAME", platform.system()).strip('"')
