"""The runtime: the contract's methods, each handed to the part that does it."""

from __future__ import annotations

import threading
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
from dagu_podman_runtime.archives import Archives
from dagu_podman_runtime.connection import Connection
from dagu_podman_runtime.containers import Containers
from dagu_podman_runtime.creation import Creation
from dagu_podman_runtime.execs import Execs
from dagu_podman_runtime.facts import Facts, learn
from dagu_podman_runtime.images import Images
from dagu_podman_runtime.logs import Logs
from dagu_podman_runtime.networks import Networks, Volumes


class PodmanRuntime(ContainerRuntime):
    """Podman over libpod's API. It connects at the first call.

    Args:
        environ: The process environment; see :mod:`dagu_podman_runtime.endpoint` for what is read.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._connection = Connection(environ)
        self._lock = threading.Lock()
        self._known: Facts | None = None
        self._images = Images(self._connection, environ)
        self._networks = Networks(self._connection, lambda: self._facts().rootless)
        self._volumes = Volumes(self._connection)
        self._containers = Containers(self._connection, self._facts)
        self._creation = Creation(self._connection, self._images, self._networks, self._facts)
        self._execs = Execs(self._connection, self._containers.look, lambda: self._facts().shares_filesystem)
        self._archives = Archives(self._connection, self._containers.look, self._containers.remove)
        self._logs = Logs(self._connection, self._containers.attach, self._containers.wait)

    def check(self) -> RuntimeInfo:
        facts = self._facts()
        return facts.info(self._connection.url, self._connection.source)

    def close(self) -> None:
        self._containers.close()
        self._connection.close()

    def find_image(self, reference: str, *, platform: str = "") -> ImageInfo | None:
        return self._images.find(reference, platform=platform)

    def pull(
        self,
        reference: str,
        *,
        platform: str = "",
        auth: RegistryAuth | None = None,
        on_progress: Callable[[PullProgress], object] | None = None,
    ) -> None:
        self._images.pull(reference, platform=platform, auth=auth, on_progress=on_progress)

    def create(self, request: ContainerRequest) -> str:
        return self._creation.create(request)

    def attach(self, container: str, streams: Streams) -> Attachment:
        return self._containers.attach(container, streams)

    def start(self, container: str) -> None:
        self._containers.start(container)

    def wait(self, container: str) -> ExitStatus:
        return self._containers.wait(container)

    def inspect(self, container: str) -> ContainerState:
        return self._containers.inspect(container)

    def stop(self, container: str, *, signal: str = "", grace: float = 5.0) -> None:
        self._containers.stop(container, signal=signal, grace=grace)

    def kill(self, container: str, *, signal: str = "KILL") -> None:
        self._containers.kill(container, signal=signal)

    def remove(self, container: str) -> None:
        self._containers.remove(container)

    def find(self, labels: Mapping[str, str] = EMPTY) -> Sequence[ContainerState]:
        return self._containers.find(labels)

    def logs(self, container: str, *, stdout: Sink, stderr: Sink, follow: bool = False) -> None:
        self._logs.replay(container, stdout=stdout, stderr=stderr, follow=follow)

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

    def _facts(self) -> Facts:
        with self._lock:
            if self._known is None:
                answer = self._connection.hello()
                self._known = learn(answer.json(), self._connection.socket_path)
            return self._known
