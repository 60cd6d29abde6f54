"""One container of this process: its main process, and what is attached to it."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from dagu.contracts.container import ContainerRequest, ExitStatus
from dagu.contracts.runtime import Attachment
from dagu.contracts.streams import Sink, Streams
from dagu.errors import CommandForbidden, CommandNotFound, RequestRefused
from dagu_bubblewrap_runtime.arguments import bwrap_options
from dagu_bubblewrap_runtime.engine import program
from dagu_bubblewrap_runtime.processes import end_process
from dagu_bubblewrap_runtime.pump import Pumped, in_memory


class Attached(Attachment):
    """Gets output from now on, until it is closed or the container ended."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self._over = threading.Event()
        self._failure: Exception | None = None

    def deliver(self, sink: Sink, block: bytes) -> None:
        if self._failure is None and not self._over.is_set():
            try:
                sink(block)
            except Exception as error:  # noqa: BLE001 (whatever a sink raises is told by join)
                self._failure = error

    def join(self) -> None:
        self._over.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self._over.set()


class Sandbox:
    """Starts ``bwrap`` for a request, and knows how it ends.

    Args:
        launcher: One lasting thread: the container ends with the thread that started it.
        at_end: Called with the exit code when the container has ended.
    """

    def __init__(
        self,
        request: ContainerRequest,
        root: Path,
        launcher: Executor,
        at_end: Callable[[int], None],
    ) -> None:
        self.request, self.root = request, root
        self._launcher, self._at_end = launcher, at_end
        self._lock = threading.Lock()
        self._attached: list[Attached] = []
        self._errors = b""  # the last that came on standard error before the program ran
        self._was_started = True
        self.pid = 0
        self.status: ExitStatus | None = None
        self.ended = threading.Event()

    def attach(self, streams: Streams) -> Attached:
        attached = Attached(streams)
        with self._lock:
            if self.ended.is_set():
                attached.close()
            self._attached.append(attached)
        return attached

    def start(self) -> None:
        """Start it; on return its program runs, or has run.

        Raises:
            CommandNotFound: The program is not in the image.
            CommandForbidden: It may not be executed.
            RequestRefused: ``bwrap`` could not make the container.
        """
        request = self.request
        argv = (request.entrypoint or ()) + (("/bin/sh",) if request.command is None else request.command)
        options = bwrap_options(request, self.root)
        # As a file, so that neither `ps` nor a limit on arguments sees the environment.
        spec = in_memory("\0".join(options).encode() + b"\0")
        reader, writer = os.pipe()
        source = next((one.streams.stdin for one in self._attached if one.streams.stdin), None)
        launched = self._launcher.submit(
            Pumped,
            [program(), "--args", str(spec), "--json-status-fd", str(writer), "--", *argv],
            stdin=source,
            stdout=lambda block: self._output("stdout", block),
            stderr=lambda block: self._output("stderr", block),
            descriptors=(spec, writer),
        )
        try:
            process = launched.result()
        finally:
            os.close(spec)
            os.close(writer)
        status = open(reader, "rb", buffering=0)  # noqa: SIM115 (closed by the thread that watches)
        first = json.loads(status.readline() or b"{}")
        self.pid = self._program(first.get("child-pid", 0), process)
        threading.Thread(
            target=self._watch, args=(process, status), name="bubblewrap-wait", daemon=True
        ).start()
        if self.pid == 0:
            # Over already: as a program may be, or because there never was one.
            self.ended.wait()
            self._raise_if_never_started(argv)

    def _program(self, first: int, process: Pumped) -> int:
        """The process id of the container's program, once it is no longer bubblewrap; 0 if it ended before.

        bubblewrap tells the process before it is set up, and nothing after: so this looks at it.
        """
        bwrap = os.stat(program())
        while first and process.process.poll() is None:
            pid = _child_of(first) if self.request.init else first
            with suppress(OSError):
                if pid and not os.path.samestat(os.stat(f"/proc/{pid}/exe"), bwrap):
                    return pid
            time.sleep(0.001)
        return 0

    def _watch(self, process: Pumped, told: BinaryIO) -> None:
        code = process.wait()
        with told:
            # Only a program that was started has an exit code here.
            self._was_started = b'"exit-code"' in told.read()
        self.status = ExitStatus(code=code if self._was_started else 127)
        self._at_end(self.status.code)
        with self._lock:
            self.ended.set()
            for attached in self._attached:
                attached.close()

    def _raise_if_never_started(self, argv: tuple[str, ...]) -> None:
        if self._was_started:
            return
        text = self._errors.decode(errors="replace").strip().removeprefix("bwrap: ")
        if not text.startswith("execvp "):
            raise RequestRefused(f"bubblewrap can't make the container: {text or 'it says nothing'}")
        missing = text.endswith("No such file or directory")
        raise (CommandNotFound if missing else CommandForbidden)(f"{argv[0]}: {text.rpartition(': ')[2]}")

    def _output(self, stream: str, block: bytes) -> None:
        with self._lock:
            attached = list(self._attached)
        if stream == "stderr" and not self.pid:
            self._errors = (self._errors + block)[-4096:]
        for one in attached:
            one.deliver(getattr(one.streams, stream), block)

    def end(self) -> None:
        """Kill it, if it runs; what is attached then ends too."""
        if self.pid:
            end_process(self.pid, "KILL", 0.0)
            self.ended.wait()
        with self._lock:
            for attached in self._attached:
                attached.close()


def _child_of(process: int) -> int:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(children[0]) if children else 0
