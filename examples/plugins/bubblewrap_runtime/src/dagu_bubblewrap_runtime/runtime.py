"""The runtime: the contract's methods, over records, sandboxes and ``enter.py``."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, BinaryIO

from dagu.contracts.capability import Capability
from dagu.contracts.container import (
    EMPTY,
    ContainerRequest,
    ContainerState,
    ExecRequest,
    ExitStatus,
    ImageInfo,
    MountType,
)
from dagu.contracts.requirements import required_capabilities
from dagu.contracts.runtime import Attachment, ContainerRuntime, Execution, RuntimeInfo, unsupported
from dagu.contracts.streams import Sink, Streams
from dagu.errors import ContainerNotFound, ImageNotFound, RequestRefused
from dagu_bubblewrap_runtime import entering, processes
from dagu_bubblewrap_runtime.engine import CAPABILITIES, look, machine
from dagu_bubblewrap_runtime.execution import BubblewrapExecution
from dagu_bubblewrap_runtime.folders import copy_root, find_image, images_folder, state_folder
from dagu_bubblewrap_runtime.records import Record, Records
from dagu_bubblewrap_runtime.sandbox import Sandbox


class BubblewrapRuntime(ContainerRuntime):
    """Containers as ``bwrap`` processes of this one, each with a copy of its image as root.

    A container ends with the runtime object, or the process, that started it; its files stay until it is
    removed. It has no network unless ``network: host`` is asked for, and one user.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._images, state = images_folder(environ), state_folder(environ)
        variable = "DAGU_BUBBLEWRAP_STATE"
        self._endpoint = (str(state), variable if variable in environ else "the user's state folder")
        self._records = Records(state)
        self._owner = (os.getpid(), processes.birth(os.getpid()))
        self._mine: dict[str, Sandbox] = {}
        self._names: dict[str, str] = {}
        self._writing = threading.Lock()
        self._launcher = ThreadPoolExecutor(1, thread_name_prefix="bubblewrap-launcher")
        self._info: RuntimeInfo | None = None

    def check(self) -> RuntimeInfo:
        if self._info is None:
            self._info = look(*self._endpoint)
        return self._info

    def close(self) -> None:
        for sandbox in list(self._mine.values()):
            sandbox.end()
        self._launcher.shutdown()

    def find_image(self, reference: str, *, platform: str = "") -> ImageInfo | None:
        path = find_image(self._images, reference)
        if path is None or platform not in ("", machine()):
            return None
        return ImageInfo(id=str(path), platform=machine(), command=("/bin/sh",))

    def create(self, request: ContainerRequest) -> str:
        for capability in required_capabilities(request):
            self._need(capability)
        image = find_image(self._images, request.image)
        if image is None:
            raise ImageNotFound(
                f"image {request.image} is not in {self._images}", hint="put its root folder there"
            )
        for mount in request.mounts:
            if mount.type is MountType.BIND and not os.path.exists(mount.source):
                raise RequestRefused(f"there is no {mount.source} to mount at {mount.target}")
        identity = os.urandom(16).hex()
        record = Record(
            id=identity,
            name=request.name or f"bubblewrap-{identity[:12]}",
            image=request.image,
            labels=dict(request.labels),
            mounts=tuple({**asdict(mount), "type": mount.type.value} for mount in request.mounts),
            owner=self._owner,
            stop_signal=request.stop_signal or "TERM",
        )
        self._records.add(record)
        root = self._records.root(identity)
        try:
            copy_root(image, root)
        except BaseException:
            self._records.delete(record)
            raise
        self._names[record.name] = identity
        self._mine[identity] = Sandbox(
            request, root, self._launcher, lambda code: self._ended(identity, code)
        )
        return identity

    def attach(self, container: str, streams: Streams) -> Attachment:
        sandbox = self._sandbox(container)
        if streams.stdin is not None:
            self._need(Capability.STDIN)
            if not sandbox.request.stdin:
                raise RequestRefused(f"container {container} was made without standard input")
        return sandbox.attach(streams)

    def start(self, container: str) -> None:
        sandbox, record = self._sandbox(container), self._get(container)
        self._note(record.id, started_at=time.time())
        sandbox.start()
        self._note(record.id, pid=sandbox.pid)

    def wait(self, container: str) -> ExitStatus:
        sandbox = self._sandbox(container)
        sandbox.ended.wait()
        if sandbox.status is None:
            raise _gone(container)
        return sandbox.status

    def inspect(self, container: str) -> ContainerState:
        return self._get(container).state()

    def stop(self, container: str, *, signal: str = "", grace: float = 5.0) -> None:
        record = self._records.get(self._identity(container))
        if record is not None and record.running and record.pid:
            processes.end_process(record.pid, signal or record.stop_signal, grace)
            if record.id in self._mine:
                self._mine[record.id].ended.wait()

    def kill(self, container: str, *, signal: str = "KILL") -> None:
        record = self._records.get(self._identity(container))
        if record is not None and record.running and record.pid:
            processes.send(record.pid, signal)

    def remove(self, container: str) -> None:
        identity = self._identity(container)
        sandbox = self._mine.get(identity)
        if sandbox is not None:
            sandbox.end()
        else:
            self.stop(identity, signal="KILL")
        with self._writing:
            record = self._records.get(identity)
            if record is not None:
                self._records.delete(record)
            if sandbox is not None:
                self._mine.pop(identity, None)
                sandbox.ended.set()

    def find(self, labels: Mapping[str, str] = EMPTY) -> Sequence[ContainerState]:
        return [
            state
            for state in (record.state() for record in self._records.all())
            if all(
                name in state.labels and value in ("", state.labels[name]) for name, value in labels.items()
            )
        ]

    def exec(self, container: str, request: ExecRequest, streams: Streams) -> Execution:
        if request.user:
            self._need(Capability.USER)
        if request.raw:
            self._need(Capability.RAW_OPTIONS)
        record = self._get(container)
        if not record.running or not record.pid:
            raise RequestRefused(f"container {record.name} does not run")
        sandbox = self._mine.get(record.id)
        working_dir = sandbox.request.working_dir if sandbox is not None else ""
        return BubblewrapExecution(record.pid, request, streams, working_dir or "/")

    def put_archive(self, container: str, path: str, archive: BinaryIO) -> None:
        record = self._get(container)
        entering.unpack(record.pid if record.running else 0, self._records.root(record.id), path, archive)

    def get_archive(self, container: str, path: str, sink: Sink) -> None:
        record = self._get(container)
        entering.pack(record.pid if record.running else 0, self._records.root(record.id), path, sink)

    def _need(self, capability: Capability) -> None:
        if capability not in CAPABILITIES:
            raise unsupported(self, capability)

    def _ended(self, identity: str, code: int) -> None:
        self._note(identity, code=code, finished_at=time.time())
        if self._mine[identity].request.auto_remove:
            with self._writing:
                record = self._records.get(identity)
                if record is not None:
                    self._records.delete(record)

    def _note(self, identity: str, **changes: Any) -> None:
        with self._writing:
            record = self._records.get(identity)
            if record is not None:
                with suppress(FileNotFoundError):  # another process removes it now
                    self._records.save(replace(record, **changes))

    def _identity(self, container: str) -> str:
        if container in self._mine:
            return container
        return self._names.get(container, container)

    def _get(self, container: str) -> Record:
        record = self._records.get(self._identity(container))
        if record is None:
            raise _gone(container)
        return record

    def _sandbox(self, container: str) -> Sandbox:
        sandbox = self._mine.get(self._identity(container))
        if sandbox is None:
            owner = self._get(container).owner[0]
            raise RequestRefused(
                f"container {container} belongs to process {owner}, which alone can use it so"
            )
        return sandbox


def _gone(container: str) -> ContainerNotFound:
    return ContainerNotFound(f"there is no container {container}")
