"""A container for one command: its main process is the command."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO

from dagu.contracts.container import ContainerRequest, ExitStatus
from dagu.contracts.runtime import Attachment, ContainerRuntime, Execution
from dagu.contracts.streams import Streams
from dagu.errors import ContainerNotFound
from dagu.sandbox.command import Command
from dagu.sandbox.files import fetch, with_files
from dagu.sandbox.place import Place

Discard = Callable[[str], None]
"""Takes a container that is no longer needed and sees to its removal."""


class OwnContainer(Place):
    """Runs one command as the main process of a fresh container.

    Args:
        request: The container without its command.
        env: What wins over the command's own environment.
        discard: Called with the container once it is no longer needed.
    """

    kind = "container"
    contained = True

    def __init__(
        self,
        runtime: ContainerRuntime,
        request: ContainerRequest,
        *,
        env: Mapping[str, str],
        discard: Discard,
    ) -> None:
        self._runtime = runtime
        self._request = request
        self._env = env
        self._discard = discard
        self._container = ""

    @property
    def container(self) -> str:
        """Id of the container; empty before ``start``."""
        return self._container

    def start(self, command: Command, streams: Streams) -> Execution:
        ready, paths = with_files(command, clean_up=False)
        request = replace(
            self._request,
            entrypoint=None if ready.keep_entrypoint else (),
            command=ready.placed(paths) or None,
            env={**ready.env, **self._env},
            working_dir=ready.working_dir or self._request.working_dir,
            user=ready.user or self._request.user,
            stdin=ready.stdin is not None,
        )
        runtime = self._runtime
        self._container = container = runtime.create(request)
        stdin = None if ready.stdin is None else BytesIO(ready.stdin)
        attachment = runtime.attach(container, replace(streams, stdin=stdin))
        try:
            runtime.start(container)
        except BaseException:
            attachment.close()
            raise
        return _MainProcess(runtime, container, attachment)

    def read_file(self, path: str) -> bytes | None:
        return fetch(self._runtime, self._container, path)

    def close(self) -> None:
        if self._container:
            self._discard(self._container)


class _MainProcess(Execution):
    def __init__(self, runtime: ContainerRuntime, container: str, attachment: Attachment) -> None:
        self._runtime = runtime
        self._container = container
        self._attachment = attachment

    def wait(self) -> ExitStatus:
        status = self._runtime.wait(self._container)
        self._attachment.join()
        return status

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        self._runtime.stop(self._container, signal=signal, grace=grace)


class Janitor:
    """Removes containers beside the run, so that no step waits for it; ``finish`` waits for all.

    Args:
        failed: Told what could not be removed, and why.
    """

    def __init__(self, runtime: ContainerRuntime, *, failed: Callable[[str, Exception], None]) -> None:
        self._runtime = runtime
        self._failed = failed
        self._threads: list[threading.Thread] = []

    def discard(self, container: str) -> None:
        """Remove a container soon."""
        thread = threading.Thread(target=self._remove, args=(container,), name=f"remove {container[:12]}")
        self._threads.append(thread)
        thread.start()

    def _remove(self, container: str) -> None:
        try:
            self._runtime.remove(container)
        except ContainerNotFound:
            return
        except Exception as error:  # noqa: BLE001 (a thread's error reaches the run through `failed`)
            self._failed(container, error)

    def finish(self) -> None:
        """Block until everything is removed."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()
