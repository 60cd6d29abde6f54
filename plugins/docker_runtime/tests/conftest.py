"""What the tests on a real Docker share."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from docker import APIClient
from docker.errors import ImageNotFound as NoSuchImage

from dagu.contracts.container import ContainerRequest
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu_docker_runtime.plugin import make_runtime

IMAGE = "alpine:3.20"
OWNER = "dagu.tests.docker"
ENGINES = Path(__file__).resolve().parents[3] / "tools" / "engines"


def engines(*arguments: str) -> str:
    """Run the project's tool for engines, and return what it prints."""
    done = subprocess.run(
        [sys.executable, str(ENGINES), *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def docker() -> Iterator[ContainerRuntime]:
    """The runtime on the Docker of the environment."""
    with make_runtime(os.environ) as runtime:
        yield runtime


def sdk() -> APIClient:
    """The SDK on the same Docker, for what the runtime has no method for."""
    return APIClient(os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock", version="auto")


class Outcome:
    """What a container or an exec wrote."""

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self.err: list[bytes] = []
        self.streams = Streams(stdout=self.out.append, stderr=self.err.append)

    @property
    def stdout(self) -> bytes:
        return b"".join(self.out)

    @property
    def stderr(self) -> bytes:
        return b"".join(self.err)


@dataclass
class Maker:
    """Makes containers that are removed together."""

    runtime: ContainerRuntime
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)

    def create(self, *command: str, **fields: Any) -> str:
        labels = {OWNER: self.owner, **fields.pop("labels", {})}
        fields = {"image": IMAGE, "network": "none", "command": command, **fields}
        return self.runtime.create(ContainerRequest(labels=labels, **fields))

    def up(self, **fields: Any) -> str:
        container = self.create("sleep", "86400", init=True, **fields)
        self.runtime.start(container)
        return container

    def clean(self) -> None:
        for left in self.runtime.find({OWNER: self.owner}):
            self.runtime.remove(left.id)


@pytest.fixture
def make(docker: ContainerRuntime) -> Iterator[Maker]:
    """A maker on the Docker of the environment."""
    maker = Maker(docker)
    yield maker
    maker.clean()


@dataclass(frozen=True)
class Registry:
    """A registry with a password and one image in it. ``config`` is a Docker config folder that knows it."""

    address: str
    username: str
    password: str
    image: str
    config: Path


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry on loopback."""
    told = json.loads(engines("registry", "up"))
    address, username, password = told["address"], told["username"], told["password"]
    image = f"{address}/dagu-docker-runtime/{uuid.uuid4().hex}:1"
    client = sdk()
    tarball = io.BytesIO()
    with tarfile.open(fileobj=tarball, mode="w") as archive:
        entry = tarfile.TarInfo("random")  # a layer that the engine can't have already
        entry.size = 3_000_000
        archive.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    client.import_image_from_data(tarball.getvalue(), repository=image.rpartition(":")[0], tag="1")
    for line in client.push(
        image, stream=True, decode=True, auth_config={"username": username, "password": password}
    ):
        assert "error" not in line, line
    client.remove_image(image)
    config = tmp_path_factory.mktemp("docker-config")
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    (config / "config.json").write_text(json.dumps({"auths": {address: {"auth": auth}}}))
    yield Registry(address, username, password, image, config)
    with contextlib.suppress(NoSuchImage):
        client.remove_image(image, force=True)
