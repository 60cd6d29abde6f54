"""A container of the fake: a process tree of this machine with a directory as its root."""

from __future__ import annotations

import posixpath
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from dagu.contracts.container import ContainerRequest, ContainerState, ContainerStatus, ExitStatus
from dagu.contracts.runtime import Attachment, Execution
from dagu.contracts.streams import BLOCK, Sink, Streams
from dagu.errors import CommandForbidden, CommandNotFound, RequestRefused
from dagu.testing.fake_runtime.process import HostProcess
from dagu.testing.fake_runtime.tree import end_tree

MARK = "DAGU_FAKE_CONTAINER"
EXEC_MARK = "DAGU_FAKE_EXEC"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class FakeAttachment(Attachment):
    """Gets a container's output from now on."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self._over = threading.Event()
        self._failure: Exception | None = None

    def deliver(self, sink: Sink, block: bytes) -> None:
        if self._over.is_set() or self._failure is not None:
            return
        try:
            sink(block)
        except Exception as error:  # noqa: BLE001 (join raises it)
            self._failure = error

    def join(self) -> None:
        self._over.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self._over.set()


class FakeContainer:
    """State and process of one container. Its output is kept in two files."""

    def __init__(self, identity: str, name: str, request: ContainerRequest, env: Mapping[str, str]) -> None:
        self.id, self.name, self.request = identity, name, request
        # Gone with the object at the latest, for tests that don't close the fake.
        self._files = tempfile.TemporaryDirectory(prefix="dagu-fake-", ignore_cleanup_errors=True)
        self.home = Path(self._files.name)
        self.root = self.home / "root"
        self.root.mkdir()
        for log in ("stdout", "stderr"):
            (self.home / log).touch()
        self._env = {"PATH": PATH, **env, **request.env}
        self._lock = threading.Lock()
        self._attached: list[FakeAttachment] = []
        self._process: HostProcess | None = None
        self._started_at: float | None = None
        self._finished_at: float | None = None
        self._exit: ExitStatus | None = None
        self.ended = threading.Event()

    def path(self, path: str) -> Path:
        """Where a path of the container is on this machine."""
        return self.root / posixpath.normpath(f"/{path}").lstrip("/")

    def attach(self, streams: Streams) -> FakeAttachment:
        attachment = FakeAttachment(streams)
        with self._lock:
            if self._exit is not None:
                attachment.close()
            self._attached.append(attachment)
        return attachment

    def start(self, argv: tuple[str, ...]) -> None:
        request = self.request
        source = next((one.streams.stdin for one in self._attached if one.streams.stdin is not None), None)
        self._started_at = time.time()
        try:
            self._process = HostProcess(
                argv,
                env={**self._env, MARK: self.id},
                directory=self.path(request.working_dir),
                stdin=source,
                stdout=lambda block: self._output("stdout", block),
                stderr=lambda block: self._output("stderr", block),
                at_end=lambda: self._end_all(0),
            )
        except (CommandNotFound, CommandForbidden) as error:
            self._finish(ExitStatus(code=127 if isinstance(error, CommandNotFound) else 126))
            raise
        threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()

    def _watch(self, process: HostProcess) -> None:
        status = process.wait()
        assert status is not None
        self._finish(status)

    def _finish(self, status: ExitStatus) -> None:
        with self._lock:
            self._exit, self._finished_at = status, time.time()
            for attachment in self._attached:
                attachment.close()
        self.ended.set()

    def _end_all(self, root: int) -> None:
        end_tree(f"{MARK}={self.id}", root=root, signal="KILL", grace=0.0)

    def _output(self, stream: str, block: bytes) -> None:
        with self._lock:
            attached = list(self._attached)
            with (self.home / stream).open("ab") as log:
                log.write(block)
        for attachment in attached:
            attachment.deliver(getattr(attachment.streams, stream), block)

    def replay(self, stdout: Sink, stderr: Sink) -> None:
        """Give what was put out so far."""
        for stream, sink in (("stdout", stdout), ("stderr", stderr)):
            with (self.home / stream).open("rb") as log:
                while block := log.read(BLOCK):
                    sink(block)

    def signal(self, name: str) -> None:
        if self._process is not None and not self.ended.is_set():
            self._process.signal(name)

    def execute(
        self, argv: tuple[str, ...], env: Mapping[str, str], directory: str, streams: Streams
    ) -> FakeExecution:
        if not self.state().running:
            raise RequestRefused(f"container {self.name} does not run")
        return FakeExecution(self, argv, {**self._env, **env}, directory, streams)

    def remove(self) -> None:
        """Kill what runs and delete the files."""
        if self._process is not None:
            self._end_all(self._process.pid)
            self.ended.wait()
        for attachment in self._attached:
            attachment.close()
        self.ended.set()
        self._files.cleanup()

    def state(self) -> ContainerState:
        with self._lock:
            status = ContainerStatus.CREATED
            if self._exit is not None:
                status = ContainerStatus.EXITED
            elif self._process is not None:
                status = ContainerStatus.RUNNING
            running = status is ContainerStatus.RUNNING
            return ContainerState(
                id=self.id,
                name=self.name,
                image=self.request.image,
                status=status,
                exit=self._exit,
                labels=dict(self.request.labels),
                started_at=self._started_at,
                finished_at=self._finished_at,
                pid=self._process.pid if self._process is not None and running else 0,
            )


class FakeExecution(Execution):
    """A command in a container of the fake."""

    def __init__(
        self,
        container: FakeContainer,
        argv: tuple[str, ...],
        env: Mapping[str, str],
        directory: str,
        streams: Streams,
    ) -> None:
        self._mark = f"{id(self):x}-{time.monotonic_ns():x}"
        self._process = HostProcess(
            argv,
            env={**env, MARK: container.id, EXEC_MARK: self._mark},
            directory=container.path(directory or container.request.working_dir),
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
            at_end=lambda: None,
        )

    def wait(self) -> ExitStatus:
        status = self._process.wait()
        assert status is not None
        if self._process.failure is not None:
            raise self._process.failure
        return status

    def end(self, *, signal: str = "TERM", grace: float = 5.0) -> None:
        end_tree(f"{EXEC_MARK}={self._mark}", root=self._process.pid, signal=signal, grace=grace)
        self._process.wait()
