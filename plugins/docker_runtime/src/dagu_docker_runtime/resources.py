"""Networks and volumes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dagu.contracts.container import NamedObject
from dagu.errors import NameTaken
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.containers import label_filters
from dagu_docker_runtime.errors import Refused, name_failure
from dagu_docker_runtime.state import named_object

# The engine answers the creation of a volume that exists with the one that exists, and says nothing. Only a
# label that nobody else can have given tells whether it is ours.
_CREATION = "dev.dagu.docker-runtime.creation"


class Networks:
    """Networks of one engine."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, name: str, *, internal: bool, labels: Mapping[str, str]) -> None:
        try:
            with self._client.call(f"create the network {name}") as api:
                api.create_network(
                    name, driver="bridge", check_duplicate=True, internal=internal, labels=dict(labels)
                )
        except Refused as error:
            raise name_failure(error, "network", name) from error

    def remove(self, name: str) -> None:
        try:
            with self._client.call(f"remove the network {name}") as api:
                api.remove_network(name)
        except Refused as error:
            if error.status != 404:
                raise

    def find(self, labels: Mapping[str, str]) -> Sequence[NamedObject]:
        with self._client.call("list networks") as api:
            found = api.networks(filters={"label": label_filters(labels)} if labels else None)
        return [replace(named_object(each, "Created"), gateway=_gateway(each)) for each in found]


def _gateway(told: Mapping[str, Any]) -> str:
    pools = (told.get("IPAM") or {}).get("Config") or ()
    # Docker gives IPv6 gateways with their prefix length, and IPv4 ones without.
    return next((str(pool["Gateway"]).partition("/")[0] for pool in pools if pool.get("Gateway")), "")


class Volumes:
    """Named volumes of one engine."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, name: str, *, labels: Mapping[str, str]) -> None:
        creation = secrets.token_hex(8)
        try:
            with self._client.call(f"create the volume {name}") as api:
                made = api.create_volume(name, labels={**labels, _CREATION: creation})
        except Refused as error:
            raise name_failure(error, "volume", name) from error
        if (made.get("Labels") or {}).get(_CREATION) != creation:
            raise NameTaken(
                f"Docker has a volume named {name!r} already",
                hint=f"choose another name, or remove it with `docker volume rm {name}`",
            )

    def remove(self, name: str) -> None:
        try:
            with self._client.call(f"remove the volume {name}") as api:
                api.remove_volume(name)
        except Refused as error:
            if error.status != 404:
                raise

    def find(self, labels: Mapping[str, str]) -> Sequence[NamedObject]:
        with self._client.call("list volumes") as api:
            told = api.volumes(filters={"label": label_filters(labels)} if labels else None)
        found = [named_object(each, "CreatedAt") for each in told.get("Volumes") or ()]
        return [
            replace(each, labels={k: v for k, v in each.labels.items() if k != _CREATION}) for each in found
        ]
