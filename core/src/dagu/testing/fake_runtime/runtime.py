"""The fake's face: the contract of a container runtime over processes of this machine."""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, cast

from dagu.contracts.capability import Capability
from dagu.contracts.container import (
    EMPTY,
    ContainerRequest,
    ContainerState,
    ExecRequest,
    ExitStatus,
    ImageInfo,
)
from dagu.contracts.requirements import required_capabilities
from dagu.contracts.runtime import (
    Attachment,
    ContainerRuntime,
    Execution,
    PullProgress,
    RegistryAuth,
    RuntimeInfo,
    unsupported,
)
from dagu.contracts.streams import Sink, Streams
from dagu.errors import ContainerNotFound, ImageNotFound, NameTaken, PullFailed, RequestRefused
from dagu.testing.fake_runtime.container import FakeContainer
from dagu.testing.fake_runtime.script import Scripted, recorded

DECLARED = frozenset(
    {
        Capability.SHARED_CONTAINER,
        Capability.STDIN,
        Capability.ARCHIVES,
        Capability.PULL,
        Capability.STOP_SIGNAL,
        Capability.EXEC_TREE,
        Capability.LOGS,
        Capability.LABELS,
    }
)


class FakeRuntime(Scripted, ContainerRuntime):
    """Runs a container's commands as plain processes, each container in a directory of its own.

    There is no isolation: programs and absolute paths are the machine's. The container's ``/`` is a temporary
    directory only as working directory and for archives, so scripts that use relative paths see what a
    container's would. It therefore declares few capabilities, and refuses the rest.

    Args:
        images: References that are there from the start, with what they say of themselves.
        pulls: References that a pull brings, each with the progress it reports; or the error that it raises.
        capabilities: What it declares. More than ``DECLARED`` is for tests of code that asks first: nothing
            is enforced.
    """

    def __init__(
        self,
        images: Mapping[str, ImageInfo] | Iterable[str] = ("alpine:3.20",),
        *,
        pulls: Mapping[str, Sequence[PullProgress] | Exception] = EMPTY,
        capabilities: frozenset[Capability] = DECLARED,
    ) -> None:
        super().__init__()
        known = (
            images if isinstance(images, Mapping) else {name: ImageInfo(id=f"fake:{name}") for name in images}
        )
        self.images: dict[str, ImageInfo] = dict(known)
        self._pulls = dict(pulls)
        self._capabilities = capabilities
        self._guard = threading.Lock()
        self._containers: dict[str, FakeContainer] = {}
        self._removed_by_itself: dict[str, FakeContainer] = {}

    @recorded
    def check(self) -> RuntimeInfo:
        return RuntimeInfo(
            name="fake",
            version="0",
            endpoint="this process",
            endpoint_source="FakeRuntime()",
            rootless=os.geteuid() != 0,
            shares_filesystem=True,
            capabilities=self._capabilities,
        )

    @recorded
    def close(self) -> None:
        for container in list(self._containers.values()):
            container.remove()

    @recorded
    def find_image(self, reference: str, *, platform: str = "") -> ImageInfo | None:
        image = self.images.get(reference)
        return image if image is None or platform in ("", image.platform) else None

    @recorded
    def pull(
        self,
        reference: str,
        *,
        platform: str = "",
        auth: RegistryAuth | None = None,  # noqa: ARG002 (in the record of calls)
        on_progress: Callable[[PullProgress], object] | None = None,
    ) -> None:
        self._need(Capability.PULL)
        outcome = self._pulls.get(reference)
        if outcome is None:
            raise PullFailed(f"the fake was told of no pull of {reference}")
        if isinstance(outcome, Exception):
            raise outcome
        for progress in outcome:
            if on_progress is not None:
                on_progress(progress)
        self.images[reference] = ImageInfo(id=f"fake:{reference}", platform=platform)

    @recorded
    def create(self, request: ContainerRequest) -> str:
        for capability in required_capabilities(request):
            self._need(capability)
        image = self.images.get(request.image)
        if image is None:
            raise ImageNotFound(f"image {request.image} is not there", hint="pull it")
        if request.hostname:
            raise RequestRefused("the fake's containers have the machine's host name")
        identity = os.urandom(16).hex()
        name = request.name or f"fake-{identity[:12]}"
        with self._guard:
            if any(container.name == name for container in self._containers.values()):
                raise NameTaken(f"a container named {name} exists")
            self._containers[identity] = FakeContainer(identity, name, request, image.env)
        return identity

    @recorded
    def attach(self, container: str, streams: Streams) -> Attachment:
        if streams.stdin is not None:
            self._need(Capability.STDIN)
        return self._get(container).attach(streams)

    @recorded
    def start(self, container: str) -> None:
        one = self._get(container)
        image = self.images[one.request.image]
        entrypoint = image.entrypoint if one.request.entrypoint is None else one.request.entrypoint
        command = image.command if one.request.command is None else one.request.command
        one.start(entrypoint + command)
        if one.request.auto_remove:
            threading.Thread(target=self._remove_itself, args=(one,), daemon=True).start()

    @recorded
    def wait(self, container: str) -> ExitStatus:
        one = self._removed_by_itself.get(container) or self._get(container)
        one.ended.wait()
        status = one.state().exit
        if status is None:
            raise _gone(container)
        return status

    @recorded
    def inspect(self, container: str) -> ContainerState:
        return self._get(container).state()

    @recorded
    def stop(self, container: str, *, signal: str = "", grace: float = 5.0) -> None:
        one = self._find(container)
        if one is not None:
            one.signal(signal or one.request.stop_signal or "TERM")
            if one.state().running and not one.ended.wait(grace):
                one.signal("KILL")
                one.ended.wait()

    @recorded
    def kill(self, container: str, *, signal: str = "KILL") -> None:
        one = self._find(container)
        if one is not None:
            one.signal(signal)

    @recorded
    def remove(self, container: str) -> None:
        one = self._find(container)
        if one is not None:
            one.remove()
            with self._guard:
                self._containers.pop(one.id, None)

    @recorded
    def find(self, labels: Mapping[str, str] = EMPTY) -> Sequence[ContainerState]:
        with self._guard:
            states = [one.state() for one in self._containers.values()]
        return [state for state in states if _carries(state.labels, labels)]

    @recorded
    def logs(self, container: str, *, stdout: Sink, stderr: Sink, follow: bool = False) -> None:
        self._need(Capability.LOGS)
        one = self._get(container)
        if follow:
            one.ended.wait()
        one.replay(stdout, stderr)

    @recorded
    def exec(self, container: str, request: ExecRequest, streams: Streams) -> Execution:
        self._need(Capability.SHARED_CONTAINER)
        if request.user:
            self._need(Capability.USER)
        if request.raw:
            self._need(Capability.RAW_OPTIONS)
        if streams.stdin is not None:
            self._need(Capability.STDIN)
        return self._get(container).execute(request.argv, request.env, request.working_dir, streams)

    @recorded
    def put_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        self._need(Capability.ARCHIVES)
        target = self._get(container).path(path)
        if not target.is_dir():
            raise FileNotFoundError(f"{path} is no directory of container {container}")
        with tarfile.open(fileobj=archive, mode="r|*") as files:
            # An attribute, because the argument of that meaning is missing before Python 3.11.4.
            files.extraction_filter = lambda entry, _path: entry
            files.extractall(target, numeric_owner=True)

    @recorded
    def get_archive(self, container: str, path: str, sink: Sink) -> None:
        self._need(Capability.ARCHIVES)
        source = self._get(container).path(path)
        if not os.path.lexists(source):
            raise FileNotFoundError(f"{path} is not in container {container}")
        with tarfile.open(fileobj=cast(Any, _Writer(sink)), mode="w|") as files:
            files.add(source, arcname=source.name)

    def _need(self, capability: Capability) -> None:
        if capability not in self._capabilities:
            raise unsupported(self, capability)

    def _find(self, container: str) -> FakeContainer | None:
        with self._guard:
            return next((one for one in self._containers.values() if container in (one.id, one.name)), None)

    def _get(self, container: str) -> FakeContainer:
        one = self._find(container)
        if one is None:
            raise _gone(container)
        return one

    def _remove_itself(self, container: FakeContainer) -> None:
        container.ended.wait()
        with self._guard:
            self._removed_by_itself[container.id] = container
            self._containers.pop(container.id, None)
        container.remove()


class _Writer:
    """A sink as a file that tarfile writes to."""

    def __init__(self, sink: Sink) -> None:
        self.write = sink


def _gone(container: str) -> ContainerNotFound:
    return ContainerNotFound(f"there is no container {container}")


def _carries(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(name in labels and value in ("", labels[name]) for name, value in wanted.items())
