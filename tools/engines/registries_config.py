"""Podman's leave to speak plain HTTP to a registry of ours."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from engines import daemons, layout
from engines.layout import PODMAN, ROOTLESS, Place

_FOLDER = Path("/etc/containers/registries.conf.d")


def allow(registry: Place, address: str) -> list[str]:
    """Mark the address as insecure, and have the running Podman services that were started here read it.

    Returns:
        Their endpoints.
    """
    _FOLDER.mkdir(parents=True, exist_ok=True)
    text = f'[[registry]]\nlocation = "{address}"\ninsecure = true\n'
    fresh = not _file(registry).exists() or _file(registry).read_text() != text
    if fresh:
        _file(registry).write_text(text)
    return _reload(signal.SIGHUP if fresh else 0)


def withdraw(registry: Place) -> None:
    """Take the mark away again."""
    if _file(registry).exists():
        _file(registry).unlink()
        _reload(signal.SIGHUP)


def _file(registry: Place) -> Path:
    return _FOLDER / (f"dagu-engines-{registry.private}.conf" if registry.private else "dagu-engines.conf")


def _reload(number: int) -> list[str]:
    # Podman reads its registries once and again at SIGHUP.
    told = []
    places = [Place(PODMAN), Place(ROOTLESS), *(Place(PODMAN, name) for name in layout.private_names())]
    for place in places:
        record = daemons.read_record(place.record)
        if record is not None and record.process.alive():
            os.kill(record.process.pid, number)
            told.append(place.endpoint)
    return told
