"""Which credentials belong to an image: those of the workflow, then of ``DOCKER_AUTH_CONFIG``.

What both lack is left to the runtime, which looks where its engine's own tools would.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from dagu.contracts.runtime import RegistryAuth
from dagu.errors import UsageError

HUB = "docker.io"
_HUB_KEYS = (HUB, "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io")


def registry_host(reference: str) -> str:
    """The registry of an image reference. Source: the distribution project's reference grammar."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first
    return HUB


class Credentials:
    """Credentials by registry.

    Args:
        authored: ``registry_auths`` of the workflow, references replaced: a map, a JSON text, or None.
        docker_auth_config: The variable ``DOCKER_AUTH_CONFIG``, empty when unset.

    Raises:
        UsageError: One of them can't be read. The message holds nothing of it.
    """

    def __init__(self, authored: Mapping[str, Any] | str | None, docker_auth_config: str = "") -> None:
        self._sources = [
            _entries(authored, "registry_auths"),
            _entries(docker_auth_config or None, "DOCKER_AUTH_CONFIG"),
        ]

    def for_image(self, reference: str) -> RegistryAuth | None:
        """The credentials for an image, None when there are none here."""
        host = registry_host(reference)
        bare = host.partition(":")[0]
        keys = [host, f"https://{host}", bare, f"https://{bare}", *(_HUB_KEYS if host == HUB else ())]
        for source in self._sources:
            for key in keys:
                if key in source:
                    return source[key]
        return None

    def secrets(self) -> tuple[str, ...]:
        """Everything that may not be shown."""
        found: list[str] = []
        for source in self._sources:
            for auth in source.values():
                found += [auth.password, auth.identity_token]
                if auth.password:
                    pair = f"{auth.username}:{auth.password}"
                    found.append(base64.b64encode(pair.encode()).decode())
        return tuple(text for text in found if text)


def _entries(source: Mapping[str, Any] | str | None, where: str) -> dict[str, RegistryAuth]:
    if isinstance(source, str):
        try:
            source = json.loads(source)
        except ValueError:
            raise UsageError(f"{where} is not JSON", hint='it looks like {"auths": {"HOST": {…}}}') from None
    if source is None:
        return {}
    if not isinstance(source, Mapping):
        raise UsageError(f"{where} must be a map of registries")
    auths = source.get("auths", source)
    if not isinstance(auths, Mapping):
        raise UsageError(f"{where}: auths must be a map of registries")
    return {str(host).rstrip("/"): _auth(str(host), entry, where) for host, entry in auths.items()}


def _auth(host: str, entry: Any, where: str) -> RegistryAuth:
    if isinstance(entry, str):
        try:
            entry = json.loads(entry)
        except ValueError:
            entry = {"auth": entry}
    if not isinstance(entry, Mapping):
        raise UsageError(f"{where}: {host} must be a map with username and password, or auth")
    if token := entry.get("identitytoken"):
        return RegistryAuth(registry=host, identity_token=str(token))
    username, password = str(entry.get("username", "")), str(entry.get("password", ""))
    if encoded := entry.get("auth"):
        try:
            username, _, password = base64.b64decode(str(encoded), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise UsageError(f"{where}: auth of {host} is not base64 of USER:PASSWORD") from None
    return RegistryAuth(registry=host, username=username, password=password)
