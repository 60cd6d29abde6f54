"""The runtime itself: the contract's methods, each handed to the part that does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from dagu.contracts.container import (
    EMPTY,
    ContainerRequest,
    ContainerState,
    ExecRequest,
    ExitStatus,
    ImageInfo,
    NamedObject,
)
from dagu.contracts.runtime import (
    Attachment,
    ContainerRuntime,
    Execution,
    PullProgress,
    RegistryAuth,
    RuntimeInfo,
)
from dagu.contracts.streams import Sink, Streams
from dagu_docker_runtime.archives import Archives
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.containers import Containers
from dagu_docker_runtime.endpoint import choose
from dagu_docker_runtime.engine import Engine
from dagu_docker_runtime.execs import Execs
from dagu_docker_runtime.facts import Facts
from dagu_docker_runtime.images import Images
from dagu_docker_runtime.logs import Logs
from dagu_docker_runtime.resources import Networks, Volumes
from dagu_docker_runtime.stops import Stops
from dagu_docker_runtime.waits import Waits


class DockerRuntime(ContainerRuntime):
    """Docker Engine 20.10 or newer.

    Args:
        environ: The process environment, which chooses the engine as for the Docker client.

    Raises:
        EngineUnreachable: The environment names no engine.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._client = Client(choose(environ))
        self._engine = Engine(self._client)
        self._waits = Waits(self._client)
        facts = Facts(self._client)
        self._stops = Stops(self._client)
        self._images = Images(self._client)
        self._containers = Containers(self._client, self._engine, self._waits, self._stops, facts)
        self._logs = Logs(self._client)
        self._execs = Execs(self._client)
        self._archives = Archives(self._client, facts)
        self._networks = Networks(self._client)
        self._volumes = Volumes(self._client)

    def check(self) -> RuntimeInfo:
        return self._engine.check()

    def close(self) -> None:
        self._client.close()

    def find_image(self, reference: str, *, platform: str = "") -> ImageInfo | None:
        return self._images.find(reference, platform)

    def pull(
        self,
        reference: str,
        *,
        platform: str = "",
        auth: RegistryAuth | None = None,
        on_progress: Callable[[PullProgress], object] | None = None,
    ) -> None:
        self._images.pull(reference, platform, auth, on_progress)

    def create(self, request: ContainerRequest) -> str:
        return self._containers.create(request)

    def attach(self, container: str, streams: Streams) -> Attachment:
        return self._containers.attach(container, streams)

    def start(self, container: str) -> None:
        self._containers.start(container)

    def wait(self, container: str) -> ExitStatus:
        return self._waits.wait(container)

    def inspect(self, container: str) -> ContainerState:
        return self._containers.inspect(container)

    def stop(self, container: str, *, signal: str = "", grace: float = 5.0) -> None:
        self._stops.stop(container, signal, grace)

    def kill(self, container: str, *, signal: str = "KILL") -> None:
        self._stops.kill(container, signal)

    def remove(self, container: str) -> None:
        self._containers.remove(container)

    def find(self, labels: Mapping[str, str] = EMPTY) -> Sequence[ContainerState]:
        return self._containers.find(labels)

    def logs(self, container: str, *, stdout: Sink, stderr: Sink, follow: bool = False) -> None:
        self._logs.read(container, stdout=stdout, stderr=stderr, follow=follow)

    def exec(self, container: str, request: ExecRequest, streams: Streams) -> Execution:
        return self._execs.start(container, request, streams)

    def put_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        self._archives.put(container, path, archive)

    def get_archive(self, container: str, path: str, sink: Sink) -> None:
        self._archives.get(container, path, sink)

    def create_network(self, name: str, *, internal: bool = False, labels: Mapping[str, str] = EMPTY) -> None:
        self._networks.create(name, internal=internal, labels=labels)

    def remove_network(self, name: str) -> None:
        self._networks.remove(name)

    def find_networks(self, labels: Mapping[str, str]) -> Sequence[NamedObject]:
        return self._networks.find(labels)

    def create_volume(self, name: str, *, labels: Mapping[str, str] = EMPTY) -> None:
        self._volumes.create(name, labels=labels)

    def remove_volume(self, name: str) -> None:
        self._volumes.remove(name)

    def find_volumes(self, labels: Mapping[str, str]) -> Sequence[NamedObject]:
        return self._volumes.find(labels)
