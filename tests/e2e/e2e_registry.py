"""The registry on loopback, with images in it that no engine has."""

from __future__ import annotations

import base64
import json
import os
from contextlib import ExitStack
from dataclasses import dataclass, field

import e2e_engines
from e2e_images import Images
from engines.api import Api


@dataclass
class Registry:
    """A registry that asks for a password.

    Attributes:
        address: Host and port.
    """

    address: str
    username: str
    password: str
    _undo: ExitStack = field(default_factory=ExitStack)

    @property
    def auth(self) -> str:
        """The pair as registries and config files have it."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    @property
    def config(self) -> str:
        """A Docker config with the password, as JSON."""
        return json.dumps({"auths": {self.address: {"auth": self.auth}}})

    def image(self, images: Images) -> str:
        """An image that only the registry has; it is removed from an engine at the end of the test."""
        docker = e2e_engines.engine("docker").environ["DOCKER_HOST"]
        name = f"{self.address}/e2e-{os.urandom(4).hex()}"
        api = Api(docker)
        tagged = api.request("POST", "/images/alpine:3.20/tag", {"repo": name, "tag": "1"})
        assert tagged.status == 201, tagged.data
        secret = {"username": self.username, "password": self.password, "serveraddress": self.address}
        headers = {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(secret).encode()).decode()}
        pushed = api.request("POST", f"/images/{name}/push", {"tag": "1"}, headers=headers)
        assert b"error" not in pushed.data.lower(), pushed.data
        removed = api.request("DELETE", f"/images/{name}:1")
        assert removed.status == 200, removed.data
        self._undo.callback(images.remove, f"{name}:1")
        return f"{name}:1"

    def close(self) -> None:
        """Remove what was pulled."""
        self._undo.close()


def registry() -> Registry:
    """The usual registry, started if it does not run."""
    told = json.loads(e2e_engines.tool("registry", "up"))
    return Registry(told["address"], told["username"], told["password"])
