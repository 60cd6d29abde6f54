"""What the tests on a real Podman share."""

from __future__ import annotations

import base64
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

from dagu.contracts.container import ContainerRequest, ExecRequest, ExitStatus
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Source, Streams
from dagu_podman_runtime.connection import Connection, path_name
from dagu_podman_runtime.endpoint import HOST, ROOTFUL_SOCKET
from dagu_podman_runtime.plugin import make_runtime

IMAGE = "alpine:3.20"
OWNER = "dagu.tests.podman"
ENGINES = Path(__file__).resolve().parents[3] / "tools" / "engines"


def rootful_host() -> str:
    """The endpoint of the rootful service."""
    return os.environ.get(HOST) or f"unix://{ROOTFUL_SOCKET}"


def rootless_host() -> str:
    """The endpoint of the rootless service. Its absence is a failure, not a reason to leave tests out."""
    host = os.environ.get("DAGU_TEST_ROOTLESS_HOST", "")
    assert host, "DAGU_TEST_ROOTLESS_HOST names no rootless service: see `python3 tools/engines env`"
    return host


def environment(host: str, **more: str) -> dict[str, str]:
    """A process environment that chooses an endpoint."""
    return {**os.environ, HOST: host, **more}


def engines(*arguments: str) -> str:
    """Run the project's tool for engines, and return what it prints."""
    done = subprocess.run(
        [sys.executable, str(ENGINES), *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def rootful() -> Iterator[ContainerRuntime]:
    """The runtime on rootful Podman."""
    with make_runtime(environment(rootful_host())) as runtime:
        yield runtime


@pytest.fixture(scope="session")
def rootless() -> Iterator[ContainerRuntime]:
    """The runtime on rootless Podman."""
    with make_runtime(environment(rootless_host())) as runtime:
        yield runtime


@pytest.fixture(scope="session", params=["rootful", "rootless"])
def podman(request: pytest.FixtureRequest) -> ContainerRuntime:
    """The runtime on the one and on the other."""
    runtime: ContainerRuntime = request.getfixturevalue(request.param)
    return runtime


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it wrote."""

    status: ExitStatus
    stdout: bytes
    stderr: bytes


@dataclass
class Maker:
    """Makes containers that are removed together."""

    runtime: ContainerRuntime
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def labels(self) -> dict[str, str]:
        return {OWNER: self.owner}

    def create(self, *command: str, **fields: Any) -> str:
        labels = {**self.labels, **fields.pop("labels", {})}
        fields = {"image": IMAGE, "network": "none", "command": command, **fields}
        return self.runtime.create(ContainerRequest(labels=labels, **fields))

    def up(self, **fields: Any) -> str:
        container = self.create("sleep", "86400", **{"init": True, **fields})
        self.runtime.start(container)
        return container

    def run(self, *command: str, stdin: Source | None = None, **fields: Any) -> Outcome:
        container = self.create(*command, stdin=stdin is not None, **fields)
        out: list[bytes] = []
        err: list[bytes] = []
        attachment = self.runtime.attach(container, Streams(out.append, err.append, stdin))
        self.runtime.start(container)
        status = self.runtime.wait(container)
        attachment.join()
        return Outcome(status, b"".join(out), b"".join(err))

    def exec(self, container: str, *argv: str, stdin: Source | None = None, **fields: Any) -> Outcome:
        out: list[bytes] = []
        err: list[bytes] = []
        request = ExecRequest(argv=argv, **fields)
        status = self.runtime.exec(container, request, Streams(out.append, err.append, stdin)).wait()
        return Outcome(status, b"".join(out), b"".join(err))

    def clean(self) -> None:
        for left in self.runtime.find(self.labels):
            self.runtime.remove(left.id)


@pytest.fixture
def make(podman: ContainerRuntime) -> Iterator[Maker]:
    """A maker on rootful and on rootless Podman."""
    maker = Maker(podman)
    yield maker
    maker.clean()


@pytest.fixture
def make_rootful(rootful: ContainerRuntime) -> Iterator[Maker]:
    """A maker on rootful Podman."""
    maker = Maker(rootful)
    yield maker
    maker.clean()


@pytest.fixture(scope="session")
def api() -> Iterator[Connection]:
    """Podman's own API, for what the runtime has no method for."""
    connection = Connection(environment(rootful_host()))
    yield connection
    connection.close()


def import_image(api: Connection, reference: str, rootfs: io.BytesIO) -> None:
    """Make an image of a tar of its root folder."""
    api.call("POST", "/images/import", params={"reference": reference}, data=rootfs.getvalue())


def remove_image(api: Connection, reference: str) -> None:
    """Remove an image."""
    api.call("DELETE", f"/images/{path_name(reference)}", params={"force": True})


@dataclass(frozen=True)
class Registry:
    """A registry with a password and one image in it. ``auth_file`` knows the password."""

    address: str
    username: str
    password: str
    image: str
    auth_file: Path


@pytest.fixture(scope="session")
def registry(api: Connection, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry on loopback."""
    told = json.loads(engines("registry", "up"))
    address, username, password = told["address"], told["username"], told["password"]
    image = f"{address}/dagu-podman-runtime/random:1"
    rootfs = io.BytesIO()
    with tarfile.open(fileobj=rootfs, mode="w") as archive:
        entry = tarfile.TarInfo("random")  # a layer that the engine can't have already
        entry.size = 3_000_000
        archive.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    import_image(api, image, rootfs)
    header = base64.urlsafe_b64encode(
        json.dumps({"username": username, "password": password}).encode()
    ).decode()
    answer = api.call(
        "POST",
        f"/images/{path_name(image)}/push",
        params={"destination": image, "tlsVerify": False},
        headers={"X-Registry-Auth": header},
    )
    assert b'"error"' not in answer.content, answer.text
    remove_image(api, image)
    auth_file = tmp_path_factory.mktemp("auth") / "auth.json"
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    auth_file.write_text(json.dumps({"auths": {address: {"auth": auth}}}))
    return Registry(address, username, password, image, auth_file)
