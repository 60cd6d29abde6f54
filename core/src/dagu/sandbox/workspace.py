"""``workspace: copy``: directories of this machine as copies in a container, for engines that do not share its files.

What ``volumes`` would bind is sent in before the container starts, and what the container changed is brought back
when it is no longer needed, also after a failure, as a bind mount would have it:

- Only what differs from what was sent is written here, so that two containers with copies of one directory do not undo
  each other. Where both sides changed a file, the container's version wins, and a notice says so.
- What was sent and is gone in the container is deleted here, unless it was changed here meanwhile.
- ``ro``: a directory can't be written in the container and nothing is brought back. A single file is a copy without
  write permission.
- Owners go in as numbers; what comes back belongs to the runner's user, with its permission bits and times, without
  set-user-id bits. Sockets, pipes and devices are left out both ways.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from dagu.contracts.container import ContainerRequest, Mount, MountType
from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import RequestRefused
from dagu.frozen import dataclass
from dagu.sandbox.command import unique
from dagu.sandbox.files import unpack
from dagu.sandbox.workspace_back import Receiver
from dagu.sandbox.workspace_tree import Manifest, write_top, write_tree


@dataclass(frozen=True, kw_only=True)
class Carried:
    """A directory or file of this machine, and where the container has its copy."""

    source: Path
    target: str
    read_only: bool = False

    @property
    def directory(self) -> bool:
        """Whether it is a directory.

        Raises:
            RequestRefused: It is not there, or neither that nor a file.
        """
        try:
            mode = self.source.stat().st_mode
        except OSError as error:
            raise RequestRefused(
                f"{self.source} can't be copied into the container: {error.strerror}",
                hint="create it, or correct the path in `volumes`",
            ) from error
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise RequestRefused(f"{self.source} can't be copied: it is neither a directory nor a file")
        return stat.S_ISDIR(mode)


class Workspace:
    """The copies of one container.

    Args:
        request: The container's, for the image and labels of what is needed on the way.
        notice: Told what a user should know.
    """

    def __init__(
        self,
        runtime: ContainerRuntime,
        carried: Sequence[Carried],
        request: ContainerRequest,
        *,
        notice: Callable[[str], None],
    ) -> None:
        self._runtime = runtime
        self._request = request
        self._notice = notice
        self._volumes: list[str] = []
        self._sent: list[tuple[Carried, Manifest]] = []
        self._carried = [replace(each, source=each.source.resolve()) for each in carried]

    def mounts(self) -> tuple[Mount, ...]:
        """What has to be mounted for the directories; what can't be filled from outside is filled already."""
        found = []
        for each in self._carried:
            if each.directory:
                source = self._filled_volume(each) if self._shut(each) else ""
                found.append(
                    Mount(
                        type=MountType.VOLUME,
                        source=source,
                        target=each.target,
                        read_only=each.read_only,
                        empty=True,
                    )
                )
        return tuple(found)

    def send(self, container: str) -> None:
        """Send everything else into the container, before it starts."""
        for each in self._carried:
            if not each.directory:
                self._send(container, "/", each, top=each.target.lstrip("/"))
            elif not self._shut(each):
                self._fill(container, each)

    def fetch(self, container: str) -> None:
        """Bring back what the container changed.

        Raises:
            RequestRefused: Something can't be written here; the rest was.
            RuntimeFailure: The container or its engine is gone.
        """
        problems: list[str] = []
        for each, manifest in self._sent:
            if not each.read_only:
                receiver = Receiver(each.source, manifest, notice=self._notice)
                try:
                    with _reading(partial(self._runtime.get_archive, container, each.target)) as file:
                        receiver.take(file)
                except (tarfile.TarError, OSError) as error:
                    problems.append(f"{each.source}: {error}")
                problems += receiver.problems
        self._sent.clear()
        if problems:
            raise RequestRefused(f"changes of the container could not be brought back: {'; '.join(problems)}")

    def close(self) -> None:
        """Remove what was needed on the way, once the container is gone."""
        while self._volumes:
            self._runtime.remove_volume(self._volumes.pop())

    def _shut(self, each: Carried) -> bool:
        """Whether an engine would put nothing there, as the volume or the container's root is read-only."""
        return each.read_only or self._request.read_only

    def _filled_volume(self, each: Carried) -> str:
        """A volume with the directory in it, put there through a container that never starts."""
        name = unique("dagu-workspace-")
        labels = self._request.labels
        self._runtime.create_volume(name, labels=labels)
        self._volumes.append(name)
        mount = Mount(type=MountType.VOLUME, source=name, target=each.target, empty=True)
        helper = ContainerRequest(
            image=self._request.image,
            platform=self._request.platform,
            command=("true",),
            labels=labels,
            mounts=(mount,),
        )
        container = self._runtime.create(helper)
        try:
            self._fill(container, each)
        finally:
            self._runtime.remove(container)
        return name

    def _fill(self, container: str, each: Carried) -> None:
        target = PurePosixPath(each.target)
        # The directory itself comes with its parent: Docker leaves out an archive's "." where it is unpacked.
        with _writing(lambda sink: write_top(sink, each.source, target.name)) as file:
            unpack(self._runtime, container, str(target.parent), file)
        self._send(container, each.target, each, top="")

    def _send(self, container: str, path: str, each: Carried, *, top: str) -> None:
        manifest = Manifest()

        def write(sink: BinaryIO) -> None:
            with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                write_tree(tar, each.source, top, manifest, read_only=each.read_only)

        with _writing(write) as file:
            unpack(self._runtime, container, path, file)
        self._sent.append((each, manifest))
        for skipped in manifest.skipped:
            self._notice(
                f"{skipped} is neither a file nor a directory, and was not copied into the container"
            )


@contextlib.contextmanager
def _writing(work: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """A file to read what ``work`` writes on a thread of its own; its error is raised at the end."""
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def run() -> None:
        with os.fdopen(writing, "wb") as sink:
            try:
                work(sink)
            except BrokenPipeError:  # the reader gave up, and tells why
                pass
            except BaseException as error:  # noqa: BLE001 (raised by the caller's thread)
                failures.append(error)

    thread = threading.Thread(target=run, name="workspace", daemon=True)
    thread.start()
    try:
        with os.fdopen(reading, "rb") as file:
            yield file
    except BaseException:
        thread.join()
        if failures:  # why the reader got half of it
            raise failures[0] from None
        raise
    thread.join()
    if failures:
        raise failures[0]


@contextlib.contextmanager
def _reading(work: Callable[[Callable[[bytes], object]], None]) -> Iterator[BinaryIO]:
    """A file to read what ``work`` gives to its sink on a thread of its own; its error is raised at the end."""

    def write(sink: BinaryIO) -> None:
        work(sink.write)

    with _writing(write) as file:
        yield file
