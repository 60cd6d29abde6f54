"""The engine's own JSON about containers."""

from __future__ import annotations

from typing import Any

from dagu.errors import ContainerNotFound
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.errors import Refused, container_failure


def inspect(client: Client, container: str) -> dict[str, Any]:
    """What ``GET /containers/ID/json`` says.

    Raises:
        ContainerNotFound: It is not there.
    """
    try:
        with client.call(f"inspect the container {container}") as api:
            told: dict[str, Any] = api.inspect_container(container)
            return told
    except Refused as error:
        raise container_failure(error, container) from error


def state(client: Client, container: str) -> dict[str, Any] | None:
    """The ``State`` of it; None if it is gone."""
    try:
        told: dict[str, Any] = inspect(client, container)["State"]
    except ContainerNotFound:
        return None
    return told
