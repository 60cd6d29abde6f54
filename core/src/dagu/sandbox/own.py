"""A container for one command: its main process is the command."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import PurePosixPath
from typing import Protocol

from dagu.contracts.container import ContainerRequest, ExitStatus, ImageInfo
from dagu.contracts.runtime import ContainerRuntime, Execution
from dagu.contracts.streams import Sink, Streams
from dagu.errors import CommandNotFound, ContainerNotFound, RuntimeFailure
from dagu.sandbox.command import Command
from dagu.sandbox.files import fetch, with_files
from dagu.sandbox.init_words import InitWords
from dagu.sandbox.outfit import Outfit, Outfitted
from dagu.sandbox.place import Place
from dagu.sandbox.programs import missing


class Disposable(Protocol):
    """A container with what it needed beside itself."""

    id: str

    def release(self) -> None:
        """Remove what it needed, once it is gone."""


Discard = Callable[[Disposable], None]
"""Takes a container that is no longer needed and sees to its removal."""


class Noting(Protocol):
    """Told how far a container has come, so that another runner could go on with it."""

    def created(self, container: str, request: ContainerRequest) -> None:
        """It exists, and was not started."""

    def fed(self) -> None:
        """All of its standard input was handed over, where the request has one."""


class OwnContainer(Place):
    """Runs one command as the main process of a fresh container.

    Args:
        request: The container without its command.
        image: What the image says of itself.
        discard: Called with the container once it is no longer needed.
        noting: Told how far its start has come.
    """

    kind = "container"
    contained = True

    def __init__(
        self,
        runtime: ContainerRuntime,
        request: ContainerRequest,
        *,
        image: ImageInfo,
        outfit: Outfit,
        discard: Discard,
        noting: Noting | None = None,
    ) -> None:
        self._noting = noting
        self._runtime = runtime
        self._request = request
        self._image = image
        self._outfit = outfit
        self._discard = discard
        self._made: Outfitted | None = None

    @property
    def container(self) -> str:
        """Id of the container; empty before ``start``."""
        return self._made.id if self._made else ""

    def start(self, command: Command, streams: Streams) -> Execution:
        ready = self._with_files(command)
        request = replace(
            self._request,
            entrypoint=None if ready.keep_entrypoint else (),
            command=ready.placed({}) or None,
            env={**self._request.env, **ready.env},
            working_dir=ready.working_dir or self._request.working_dir,
            user=ready.user or self._request.user,
            stdin=ready.stdin is not None,
        )
        made = Outfitted(self._runtime, request, self._outfit)
        try:
            stdin = None if ready.stdin is None else BytesIO(ready.stdin)
            if self._noting is not None:
                self._noting.created(made.id, request)
                stdin = None if ready.stdin is None else _Input(ready.stdin, self._noting.fed)
            kept = self._image.entrypoint if ready.keep_entrypoint else ()
            execution = _MainProcess(
                self._runtime,
                made.id,
                replace(streams, stdin=stdin),
                argv=kept or ready.placed({}) or self._image.command,
                image=request.image,
                init=request.init,
            )
        except BaseException:
            # It never ran, so there is nothing to keep.
            self._runtime.remove(made.id)
            made.release()
            raise
        self._made = made
        return execution

    def _with_files(self, command: Command) -> Command:
        more = self._outfit.files
        if (command.files or more) and command.keep_entrypoint:
            # What writes the files comes first, so the image's own is spelled out after it.
            argv = (*self._image.entrypoint, *(command.argv or self._image.command))
            command = replace(command, argv=argv)
        ready, _ = with_files(command, clean_up=False, temporary=self._outfit.temporary, more=more)
        return ready

    def read_file(self, path: str) -> bytes | None:
        # Who names the path may not know yet what the container's temporary directory is.
        return fetch(self._runtime, self.container, f"{self._outfit.temporary}/{PurePosixPath(path).name}")

    def close(self) -> None:
        if self._made is None:
            return
        try:
            self._made.fetch()
        finally:
            self._discard(self._made)


class _Input(BytesIO):
    """Standard input that tells, once, when all of it was taken."""

    def __init__(self, content: bytes, taken: Callable[[], object]) -> None:
        super().__init__(content)
        self._taken: Callable[[], object] | None = taken

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        # Blocks are asked for one after the other, so the ones before were handed over.
        if not block and self._taken is not None:
            taken, self._taken = self._taken, None
            taken()
        return block


class _MainProcess(Execution):
    """The main process of a container, started with its making.

    Args:
        argv: What is executed, for messages.
    """

    def __init__(
        self,
        runtime: ContainerRuntime,
        container: str,
        streams: Streams,
        *,
        argv: tuple[str, ...],
        image: str,
        init: bool,
    ) -> None:
        self._runtime = runtime
        self._container = container
        self._argv = argv
        self._image = image
        self._unheard = False
        streams = replace(streams, stdout=self._heard(streams.stdout), stderr=self._heard(streams.stderr))
        self._words = InitWords(streams.stderr) if init else None
        if self._words is not None:
            streams = replace(streams, stderr=self._words)
        self._attachment = runtime.attach(container, streams)
        try:
            runtime.start(container)
            if self._unheard:  # a kill that came before the start was over may have found nothing to kill
                runtime.kill(container)
        except CommandNotFound as error:
            self._attachment.close()
            raise missing(error, argv, image) from error
        except BaseException:
            self._attachment.close()
            raise

    def wait(self) -> ExitStatus:
        status = self._runtime.wait(self._container)
        self._attachment.join()
        if self._words is not None:
            try:
                self._words.judge(status, self._argv[0] if self._argv else self._image)
            except CommandNotFound as error:
                raise missing(error, self._argv, self._image) from error
        return status

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        self._runtime.stop(self._container, signal=signal, grace=grace)

    def _heard(self, sink: Sink) -> Sink:
        """A sink; where it fails, the container ends, for it is not to run on with nobody to hear it."""

        def write(block: bytes) -> None:
            try:
                sink(block)
            except BaseException:
                self._unheard = True
                # An engine that is gone is noticed by whoever waits.
                with contextlib.suppress(RuntimeFailure):
                    self._runtime.kill(self._container)
                raise

        return write


class Janitor:
    """Removes containers beside the run, so that no step waits for it; ``finish`` waits for all.

    Args:
        failed: Told what could not be removed, and why.
    """

    def __init__(self, runtime: ContainerRuntime, *, failed: Callable[[str, Exception], None]) -> None:
        self._runtime = runtime
        self._failed = failed
        self._threads: list[threading.Thread] = []

    def discard(self, made: Disposable) -> None:
        """Remove a container soon."""
        thread = threading.Thread(target=self.remove, args=(made,), name=f"remove {made.id[:12]}")
        self._threads.append(thread)
        thread.start()

    def remove(self, made: Disposable) -> None:
        """Remove a container now, and what it needed."""
        try:
            self._runtime.remove(made.id)
            made.release()
        except ContainerNotFound:
            return
        except Exception as error:  # noqa: BLE001 (a thread's error reaches the run through `failed`)
            self._failed(made.id, error)

    def finish(self) -> None:
        """Block until everything is removed."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()
