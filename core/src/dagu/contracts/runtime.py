"""The container runtime: what a plugin implements so that steps run in its engine's containers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import BinaryIO, Self

from dagu.contracts.capability import Capability
from dagu.contracts.container import (
    EMPTY,
    ContainerRequest,
    ContainerState,
    ExecRequest,
    ExitStatus,
    ImageInfo,
    NamedObject,
)
from dagu.contracts.streams import Sink, Streams
from dagu.errors import Unsupported
from dagu.frozen import dataclass


@dataclass(frozen=True, kw_only=True)
class RuntimeInfo:
    """What a runtime found out about its engine.

    Attributes:
        name: The runtime's registered name.
        version: The engine's version, as it says it.
        endpoint: Where it was reached, without credentials.
        endpoint_source: Why there: the variable, the file or the rule that chose it.
        rootless: The engine runs without root.
        shares_filesystem: A path of this process means the same on the engine's machine.
        platform: ``os/architecture`` of the engine.
        warnings: What a user should know, one sentence each (limits that the kernel ignores, say).
        known_differences: Cases of the conformance kit that this engine can't pass, by name, with the reason.
    """

    name: str
    version: str
    endpoint: str
    endpoint_source: str
    rootless: bool
    shares_filesystem: bool
    capabilities: frozenset[Capability]
    platform: str = ""
    warnings: tuple[str, ...] = ()
    known_differences: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)


@dataclass(frozen=True, kw_only=True)
class RegistryAuth:
    """Credentials for one registry: a user name and password, or an identity token."""

    registry: str
    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class PullProgress:
    """How far a pull is. Byte counts are of all layers known so far; 0 total means unknown.

    ``status`` is the engine's own word for what it does now.
    """

    image: str
    status: str
    layers_done: int = 0
    layers_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0


class Attachment(ABC):
    """The open streams of a container's process."""

    @abstractmethod
    def join(self) -> None:
        """Block until both output streams ended and every byte was given to its sink.

        An end of stream is no proof that the process ended: a killed engine ends streams cleanly. Ask ``wait``
        or ``inspect``.

        Raises:
            Exception: Whatever a sink raised.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the streams, from any thread. ``join`` then returns. Closing twice is fine."""


class Execution(ABC):
    """A command that was started in a container by ``exec``."""

    @abstractmethod
    def wait(self) -> ExitStatus:
        """Block until the command ended and its output was given to the sinks.

        Raises:
            CommandNotFound: The program is not in the container.
            CommandForbidden: It is there, but may not be executed.
            EngineLost: The engine went away; the command may still run.
        """

    @abstractmethod
    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        """End the command and everything that it started, from any thread; ``wait`` then returns.

        The signal goes to each process; what is still there after ``grace`` seconds is killed, also what ignores
        signals, left its session, or became a daemon. Returns when nothing of it is left. Ending an ended
        command is fine.

        Raises:
            Unsupported: There is no way to do it in this container (``Capability.EXEC_TREE`` is declared but
                the image lacks what it takes); the caller ends the container instead.
        """


class ContainerRuntime(ABC):
    """A container engine, behind one blocking, thread-safe, engine-neutral face.

    One object serves a whole run, from many threads at once. No call is ever interrupted from outside: to
    cancel, another thread calls :meth:`stop` or :meth:`kill`, after which :meth:`wait` returns.

    Containers are named by the id that :meth:`create` returned or by their name. :meth:`stop`, :meth:`kill` and
    :meth:`remove` are idempotent: what is gone already counts as success. argv is always a list. Output and
    archives are streamed, never held whole in memory.

    Every method may raise :class:`~dagu.errors.EngineUnreachable`, :class:`~dagu.errors.EngineForbidden` or
    :class:`~dagu.errors.EngineLost`; other errors of :mod:`dagu.errors` are named where they can occur. An
    exception of another type counts as a bug of the plugin and is shown to the user with its distribution.

    To prove an implementation, subclass :class:`dagu.testing.RuntimeConformance`.
    """

    @abstractmethod
    def check(self) -> RuntimeInfo:
        """Reach the engine and tell what it is. Changes nothing; the answer may be cached."""

    def close(self) -> None:  # noqa: B027 (nothing to give back is a fine answer)
        """Give connections back. Called once, when nothing uses the runtime any more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Images

    @abstractmethod
    def find_image(self, reference: str, *, platform: str = "") -> ImageInfo | None:
        """The local image of that reference, or None. With ``platform``, None if it is for another one."""

    def pull(
        self,
        reference: str,
        *,
        platform: str = "",
        auth: RegistryAuth | None = None,
        on_progress: Callable[[PullProgress], object] | None = None,
    ) -> None:
        """Fetch an image and wait until it is there.

        Args:
            auth: Credentials; None uses whatever the engine's own tools would (config file, helpers).
            on_progress: Called from this thread, as often as the engine reports.

        Raises:
            ImageNotFound: The registry has no such image.
            PullFailed: The registry refused or was not reached. The message holds no credential.
        """
        raise unsupported(self, Capability.PULL)

    # Containers

    @abstractmethod
    def create(self, request: ContainerRequest) -> str:
        """Make a container, without starting it, and return its id. It never pulls.

        Raises:
            ImageNotFound: The image is not there.
            NameTaken: A container of that name exists.
            RequestRefused: The engine, or this runtime, can't make it so.
            Unsupported: It needs a capability that this runtime lacks.
        """

    @abstractmethod
    def attach(self, container: str, streams: Streams) -> Attachment:
        """Connect to a container's standard streams and move bytes on threads of the runtime's own.

        Called before :meth:`start` nothing is lost; on a running container it begins with what comes from now.
        ``streams.stdin`` needs a container created with ``stdin=True``.

        Raises:
            ContainerNotFound: It is not there.
        """

    @abstractmethod
    def start(self, container: str) -> None:
        """Start a created container.

        Raises:
            ContainerNotFound: It is not there.
            CommandNotFound: The program is not in the image.
            CommandForbidden: The program is there, but may not be executed.
            RequestRefused: Anything else that the engine finds only now (a missing mount source, a taken port).
        """

    @abstractmethod
    def wait(self, container: str) -> ExitStatus:
        """Block until the container's main process ended.

        The status of a container that removes itself (``auto_remove``) is still known to the runtime object that
        started it, also after the engine removed it.

        Raises:
            ContainerNotFound: It is not there, or was removed while waited for.
            EngineLost: The engine went away; the container may still run.
        """

    @abstractmethod
    def inspect(self, container: str) -> ContainerState:
        """What the engine knows of a container now.

        Raises:
            ContainerNotFound: It is not there.
        """

    @abstractmethod
    def stop(self, container: str, *, signal: str = "", grace: float = 5.0) -> None:
        """Send the signal (the image's own, or TERM), wait ``grace`` seconds, then kill. Gone is success."""

    @abstractmethod
    def kill(self, container: str, *, signal: str = "KILL") -> None:
        """Send a signal to the main process now. Gone or ended is success."""

    @abstractmethod
    def remove(self, container: str) -> None:
        """Remove a container with its anonymous volumes, killing it first if it runs. Gone is success.

        Returns when the name is free and the mounts are let go.
        """

    @abstractmethod
    def find(self, labels: Mapping[str, str] = EMPTY) -> Sequence[ContainerState]:
        """All containers, in any state, that carry every one of the labels (empty value: any value)."""

    def logs(
        self,
        container: str,
        *,
        stdout: Sink,
        stderr: Sink,
        follow: bool = False,
    ) -> None:
        """Replay the output that the engine kept, from the first byte, then go on until the end if ``follow``."""
        raise unsupported(self, Capability.LOGS)

    # Commands in a running container

    def exec(self, container: str, request: ExecRequest, streams: Streams) -> Execution:
        """Start a command in a running container; its bytes move on threads of the runtime's own.

        Raises:
            ContainerNotFound: It is not there, or does not run.
        """
        raise unsupported(self, Capability.SHARED_CONTAINER)

    # Files

    def put_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        """Unpack a tar stream below an existing directory of a container, running or not.

        Owners, modes, links and times are kept.

        Raises:
            FileNotFoundError: The directory is not in the container.
        """
        raise unsupported(self, Capability.ARCHIVES)

    def get_archive(self, container: str, path: str, sink: Sink) -> None:
        """Stream a file or directory out as tar. Its base name is the archive's top entry.

        Raises:
            FileNotFoundError: The path is not in the container.
        """
        raise unsupported(self, Capability.ARCHIVES)

    # Networks and volumes

    def create_network(self, name: str, *, internal: bool = False, labels: Mapping[str, str] = EMPTY) -> None:
        """Make a bridge network; an internal one has no way out, also none by the engine's own name server.

        Raises:
            NameTaken: It exists already.
        """
        raise unsupported(self, Capability.NETWORKS)

    def remove_network(self, name: str) -> None:
        """Remove a network. Gone is success."""
        raise unsupported(self, Capability.NETWORKS)

    def find_networks(self, labels: Mapping[str, str]) -> Sequence[NamedObject]:
        """Networks that carry every one of the labels."""
        return ()

    def create_volume(self, name: str, *, labels: Mapping[str, str] = EMPTY) -> None:
        """Make a named volume.

        Raises:
            NameTaken: It exists already.
        """
        raise unsupported(self, Capability.VOLUMES)

    def remove_volume(self, name: str) -> None:
        """Remove a named volume. Gone is success."""
        raise unsupported(self, Capability.VOLUMES)

    def find_volumes(self, labels: Mapping[str, str]) -> Sequence[NamedObject]:
        """Volumes that carry every one of the labels."""
        return ()


def unsupported(runtime: ContainerRuntime, capability: Capability) -> Unsupported:
    """The error for a call that needs a capability the runtime lacks; the caller raises it."""
    return Unsupported(
        f"{type(runtime).__name__} does not support {capability.value}",
        hint="choose another runtime with DAGU_CONTAINER_RUNTIME, or leave the field out",
    )
