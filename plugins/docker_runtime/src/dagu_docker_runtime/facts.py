"""What does not change of a container: asked of the engine once, for those that this runtime created."""

from __future__ import annotations

import threading
from typing import Any

from dagu_docker_runtime.client import Client
from dagu_docker_runtime.inspection import inspect


class Facts:
    """Descriptions of containers, of which only configuration, mounts and layers may be read."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, Any]] = {}

    def created(self, container: str) -> None:
        """A container was created, so its id names this one for ever."""
        with self._lock:
            self._kept[container] = {}

    def of(self, container: str) -> dict[str, Any]:
        """What ``GET /containers/ID/json`` said of it, now or before.

        Raises:
            ContainerNotFound: It is not there.
        """
        with self._lock:
            if kept := self._kept.get(container):
                return kept
        told = inspect(self._client, container)
        with self._lock:
            if container in self._kept:
                self._kept[container] = told
        return told

    def removed(self, container: str) -> None:
        """It is no more."""
        with self._lock:
            self._kept.pop(container, None)
