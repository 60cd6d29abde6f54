"""A container that several commands share: the run's, or one that exists already."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerRequest, ExecRequest, ExitStatus
from dagu.contracts.runtime import Attachment, ContainerRuntime, Execution
from dagu.contracts.streams import Streams, discard
from dagu.errors import RuntimeFailure, Unsupported
from dagu.sandbox.command import Command
from dagu.sandbox.files import fetch, with_files
from dagu.sandbox.place import Place
from dagu.sandbox.readiness import LogWatch, Readiness

# The main process lives as long as somebody holds its standard input. When the runner dies, however it dies, the
# engine closes that, the container ends and removes itself: nothing is left for a reaper.
_LIFELINE = ("/bin/sh", "-c", "exec cat >/dev/null")
_FOREVER = ("/bin/sh", "-c", "while :; do sleep 3600; done")


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """How a shared container is started and waited for.

    Attributes:
        startup: ``keepalive``, ``entrypoint`` or ``command``.
        keep: It stays after the run.
        wait_for: ``running`` or ``healthy``.
    """

    startup: str = "keepalive"
    keep: bool = False
    wait_for: str = "running"
    log_pattern: str = ""


class SharedContainer(Place):
    """Commands as execs in one container."""

    kind = "shared container"
    contained = True

    def __init__(self, runtime: ContainerRuntime, container: str, *, env: Mapping[str, str]) -> None:
        self._runtime = runtime
        self._container = container
        self._env = env

    @property
    def container(self) -> str:
        """Id or name of the container."""
        return self._container

    def start(self, command: Command, streams: Streams) -> Execution:
        ready, paths = with_files(command, clean_up=True)
        request = ExecRequest(
            argv=ready.placed(paths),
            env={**ready.env, **self._env},
            working_dir=ready.working_dir,
            user=ready.user,
            raw=ready.raw_exec,
        )
        stdin = None if ready.stdin is None else BytesIO(ready.stdin)
        execution = self._runtime.exec(self._container, request, replace(streams, stdin=stdin))
        return _EndsContainerAtLast(execution, self._runtime, self._container)

    def read_file(self, path: str) -> bytes | None:
        return fetch(self._runtime, self._container, path)


class _EndsContainerAtLast(Execution):
    """An exec whose container is killed where the exec can't be ended in any other way."""

    def __init__(self, execution: Execution, runtime: ContainerRuntime, container: str) -> None:
        self._execution = execution
        self._runtime = runtime
        self._container = container

    def wait(self) -> ExitStatus:
        return self._execution.wait()

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        try:
            self._execution.end(signal=signal, grace=grace)
        except Unsupported:
            self._runtime.kill(self._container)


class RunContainer(SharedContainer):
    """The shared container that a run creates, and removes at its end unless it is kept."""

    def __init__(
        self,
        runtime: ContainerRuntime,
        request: ContainerRequest,
        keeping: Keeping,
        *,
        env: Mapping[str, str],
        stopped: threading.Event,
    ) -> None:
        self._keeping = keeping
        self._lifeline: int | None = None
        self._attachment: Attachment | None = None
        self.fell_back = False
        """``wait_for: healthy`` was asked of a container without a health check."""
        capable = runtime.check().capabilities
        held = keeping.startup == "keepalive" and not keeping.keep and Capability.STDIN in capable
        container = runtime.create(_kept_alive(request, keeping, held))
        super().__init__(runtime, container, env=env)
        try:
            self._begin(held, stopped)
        except BaseException:
            self._discard()
            raise

    def _begin(self, held: bool, stopped: threading.Event) -> None:
        watch = LogWatch(self._keeping.log_pattern) if self._keeping.log_pattern else None
        if held or watch:
            source = None
            if held:
                reading, self._lifeline = os.pipe()
                source = os.fdopen(reading, "rb", buffering=0)
            feed = watch.feed if watch else discard
            self._attachment = self._runtime.attach(
                self._container, Streams(stdout=feed, stderr=feed, stdin=source)
            )
        self._runtime.start(self._container)
        ready = Readiness(self._runtime, self._container, stopped=stopped)
        ready.running()
        if self._keeping.wait_for == "healthy":
            self.fell_back = not ready.healthy()
        if watch:
            ready.logged(watch, self._keeping.log_pattern)

    def close(self) -> None:
        if self._keeping.keep:
            self._let_go()
        else:
            self._discard()

    def _discard(self) -> None:
        try:
            self._runtime.remove(self._container)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        if self._attachment is not None:
            self._attachment.close()
            # What the container printed is nobody's; that its engine went away is told by others.
            with contextlib.suppress(RuntimeFailure):
                self._attachment.join()
            self._attachment = None


def _kept_alive(request: ContainerRequest, keeping: Keeping, held: bool) -> ContainerRequest:
    if keeping.startup != "keepalive":
        return request
    return replace(
        request,
        entrypoint=(),
        command=_LIFELINE if held else _FOREVER,
        init=True,
        stdin=held,
        auto_remove=held,
        keep_output=False,
    )
