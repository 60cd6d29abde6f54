"""What a container gets before it starts, beside what its engine gives it: a scratch directory, secrets, copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace

from dagu.contracts.capability import Capability
from dagu.contracts.container import EMPTY, ContainerRequest, Mount, MountType
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import RuntimeFailure
from dagu.frozen import dataclass
from dagu.sandbox import scratch
from dagu.sandbox.files import File
from dagu.sandbox.workspace import Carried, Workspace

SECRETS = "/run/secrets"
_OPEN_TO_ALL = 0o1777  # the container's user writes its own files there


@dataclass(frozen=True, kw_only=True)
class Outfit:
    """What goes into a container.

    Attributes:
        secrets: Name to value of what is put as files below ``SECRETS``, in memory.
        temporary: Where its commands put temporary files.
        carried: What is copied in, and back afterwards.
        notice: Told what a user should know.
    """

    secrets: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    temporary: str = scratch.USUAL
    carried: tuple[Carried, ...] = ()
    notice: Callable[[str], None] = lambda _text: None

    @property
    def files(self) -> tuple[File, ...]:
        """The secrets as files that only the container's user can read."""
        return tuple(
            File(path=f"{SECRETS}/{name}", content=value.encode(), mode=0o400)
            for name, value in self.secrets.items()
        )

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What has to be mounted for it; the copies' own mounts are made with the container."""
        found = []
        if self.secrets:
            found.append(Mount(type=MountType.TMPFS, target=SECRETS, mode=_OPEN_TO_ALL))
        if self.temporary == scratch.OWN:
            found.append(scratch.MOUNT)
        return tuple(found)

    @property
    def capabilities(self) -> Mapping[Capability, str]:
        """What the runtime must be able to do, with the field that asks for it."""
        needed = {}
        if self.secrets:
            needed[Capability.STDIN] = "secrets"
        if self.carried:
            needed |= {Capability.ARCHIVES: "workspace", Capability.VOLUMES: "workspace"}
        return needed


class Outfitted:
    """A created container with its outfit in it. It is gone again if that can't be had."""

    def __init__(self, runtime: ContainerRuntime, request: ContainerRequest, outfit: Outfit) -> None:
        self._runtime = runtime
        self._workspace = Workspace(runtime, outfit.carried, request, notice=outfit.notice)
        try:
            mounts = (*request.mounts, *self._workspace.mounts())
            self.id = runtime.create(replace(request, mounts=mounts))
            try:
                if outfit.temporary == scratch.OWN:
                    scratch.make(runtime, self.id)
                self._workspace.send(self.id)
            except BaseException:
                runtime.remove(self.id)
                raise
        except BaseException:
            self._workspace.close()
            raise

    def fetch(self) -> None:
        """Bring the copies back, before the container is removed.

        Raises:
            RuntimeFailure: They are lost; the message names them.
        """
        try:
            self._workspace.fetch(self.id)
        except RuntimeFailure as error:
            raise RuntimeFailure(
                f"the container's copy of the workspace is lost: {error.message}", hint=error.hint
            ) from error

    def release(self) -> None:
        """Remove what the container needed beside itself, once it is gone."""
        self._workspace.close()
