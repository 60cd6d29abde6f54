"""Networks and volumes by name."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dagu.contracts.container import EMPTY, NamedObject
from dagu.errors import NameTaken, RequestRefused, RuntimeFailure
from dagu_podman_runtime import state
from dagu_podman_runtime.connection import Connection, path_name

_TRIES = 5
_GONE = ("network not found", "no such network", "no such volume", "unable to find network")


class Networks:
    """The bridge networks of one service.

    Args:
        rootless: They are in a namespace of the service's own.
    """

    def __init__(self, connection: Connection, rootless: Callable[[], bool]) -> None:
        self._connection = connection
        self._rootless = rootless

    def create(self, name: str, *, internal: bool, labels: Mapping[str, str]) -> None:
        """Make a bridge network; unless it is internal, its containers find each other by name.

        Raises:
            NameTaken: It exists already.
        """
        body = {
            "name": name,
            "driver": "bridge",
            "internal": internal,
            "labels": dict(labels),
            # Podman's name server asks the machine's about names that it doesn't know, which is a way out (tried
            # with aardvark-dns 1.4).
            "dns_enabled": not internal,
        }
        made = self._create(body)
        if internal and not self._rootless():
            self._give_address(body, made)

    def _create(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._connection.call("POST", "/networks/create", subject=str(body["name"]), json=body)
        found: Mapping[str, Any] = answer.json()
        return found

    def _give_address(self, body: Mapping[str, Any], made: Mapping[str, Any]) -> None:
        """Make an internal network anew, where the machine has an address too.

        Left to itself, Podman gives it one only together with its name server.
        """
        for _ in range(_TRIES):
            self.remove(str(body["name"]))
            pools = [_with_gateway(pool) for pool in made.get("subnets") or ()]
            try:
                self._create({**body, "subnets": pools})
                return
            except NameTaken:  # another network was given these addresses meanwhile
                made = self._create(body)
        self.remove(str(body["name"]))
        raise RuntimeFailure(
            f"Podman gave the addresses of the network {body['name']!r} to others again and again"
        )

    def remove(self, name: str) -> None:
        """Remove a network. Gone is success."""
        _remove(self._connection, f"/networks/{path_name(name)}", name)

    def find(self, labels: Mapping[str, str]) -> Sequence[NamedObject]:
        """Networks that carry every one of the labels."""
        found = self._connection.call("GET", "/networks/json", params=label_filters(labels)).json()
        networks = _carrying(found or [], labels)
        # There, a gateway is no address of the machine.
        return [replace(network, gateway="") for network in networks] if self._rootless() else networks

    def gateway(self, name: str) -> str:
        """The address of the engine's machine on a network; empty if it has none."""
        if self._rootless():
            return ""
        found = self._connection.call("GET", f"/networks/{path_name(name)}/json", subject=name).json()
        return state.gateway(found)


class Volumes:
    """The named volumes of one service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, name: str, *, labels: Mapping[str, str]) -> None:
        """Make a volume.

        Raises:
            NameTaken: It exists already.
        """
        # Newer versions give back the volume that exists, unless they are asked first.
        if self._exists(name):
            raise NameTaken(f"{name!r} exists already", hint="choose another name, or remove it first")
        self._connection.call(
            "POST", "/volumes/create", subject=name, json={"Name": name, "Label": dict(labels)}
        )

    def remove(self, name: str) -> None:
        """Remove a volume. Gone is success."""
        _remove(self._connection, f"/volumes/{path_name(name)}", name)

    def find(self, labels: Mapping[str, str]) -> Sequence[NamedObject]:
        """Volumes that carry every one of the labels."""
        found = self._connection.call("GET", "/volumes/json", params=label_filters(labels)).json()
        return _carrying(found or [], labels)

    def _exists(self, name: str) -> bool:
        try:
            self._connection.call("GET", f"/volumes/{path_name(name)}/exists", subject=name)
        except RequestRefused:
            return False
        return True


def _with_gateway(pool: Mapping[str, Any]) -> dict[str, Any]:
    first = next(ipaddress.ip_network(str(pool["subnet"])).hosts())
    return {**pool, "gateway": str(first)}


def label_filters(labels: Mapping[str, str]) -> Mapping[str, Any]:
    """The query that asks for all of the labels; an empty value for any."""
    if not labels:
        return EMPTY
    return {"filters": {"label": [f"{name}={value}" if value else name for name, value in labels.items()]}}


def carries(found: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether all of the labels are there; an empty value stands for any. Newer engines match patterns."""
    return all(name in found and value in ("", found[name]) for name, value in labels.items())


def _carrying(found: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> list[NamedObject]:
    return [named for entry in found if carries((named := state.named(entry)).labels, labels)]


def _remove(connection: Connection, path: str, name: str) -> None:
    try:
        connection.call("DELETE", path, subject=name)
    except RuntimeFailure as error:
        if not any(text in error.message.lower() for text in _GONE):
            raise
