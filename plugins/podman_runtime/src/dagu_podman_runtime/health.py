"""Runs the health checks of containers where the engine does not: Podman leaves them to systemd's timers.

A thread for each container with a check runs it at once and then at its interval, until the container ends. It stops
when it finds that something else runs the check, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from dagu.errors import ContainerNotFound, RuntimeFailure
from dagu_podman_runtime import state
from dagu_podman_runtime.connection import PATIENT, Connection, path_name

_INTERVAL = 30.0  # seconds, Docker's default
Inspect = Callable[[str], Mapping[str, Any]]


class HealthChecks:
    """The checks that are run from here."""

    def __init__(self, connection: Connection, inspect: Inspect) -> None:
        self._connection = connection
        self._inspect = inspect
        self._lock = threading.Lock()
        self._running: set[str] = set()
        self._closed = threading.Event()

    def run(self, found: Mapping[str, Any]) -> None:
        """See to it that the check of an inspected, running container is run. Returns at once."""
        if not state.has_health_check(found) or not found["State"].get("Running"):
            return
        container = str(found["Id"])
        with self._lock:
            if container in self._running or self._closed.is_set() or _fresh(found):
                return
            self._running.add(container)
        arguments = (container, _last(found))
        threading.Thread(target=self._drive, args=arguments, name="podman-health", daemon=True).start()

    def close(self) -> None:
        """Begin no further check."""
        self._closed.set()

    def _drive(self, container: str, ours: str | None) -> None:
        try:
            while not self._closed.is_set():
                found = self._inspect(container)
                if not found["State"].get("Running") or _last(found) != ours:
                    return
                self._check(container)
                found = self._inspect(container)
                ours = _last(found)
                if self._closed.wait(_interval(found)):
                    return
        except RuntimeFailure:
            # Gone, or the engine is: who looks at the container is told so, and nobody looks at this thread.
            return
        finally:
            with self._lock:
                self._running.discard(container)

    def _check(self, container: str) -> None:
        try:
            path = f"/containers/{path_name(container)}/healthcheck"
            self._connection.call("GET", path, subject=container, timeout=PATIENT)
        except ContainerNotFound:
            raise
        except RuntimeFailure:
            # The engine notes a check that failed, or took too long; one of a stopped container ends the loop above.
            return


def _log(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    told = found["State"].get("Health") or found["State"].get("Healthcheck") or {}
    return list(told.get("Log") or [])


def _last(found: Mapping[str, Any]) -> str | None:
    """When the last check since the container's start began."""
    started = state.seconds(found["State"].get("StartedAt")) or 0.0
    starts = [str(entry.get("Start", "")) for entry in _log(found)]
    return next((text for text in reversed(starts) if (state.seconds(text) or 0.0) >= started), None)


def _interval(found: Mapping[str, Any]) -> float:
    check = (found.get("Config") or {}).get("Healthcheck") or {}
    return (check.get("Interval") or 0) / 1e9 or _INTERVAL


def _fresh(found: Mapping[str, Any]) -> bool:
    """Whether something runs the check: there is one that is no older than two intervals, by the engine's clock."""
    last = state.seconds(_last(found) or "")
    now = found.get("Now")
    return last is not None and now is not None and now - last < 2 * _interval(found)
